//! One chromedriver for all tests of this process.
//!
//! Test processes end without dropping their statics, or are killed. So a shell waits on a pipe that only this process
//! holds open; any end of it wakes the shell, which kills the driver with all its browsers and removes their files.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// Arguments: the driver's process group, the directory of all profiles.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }"#;

static DRIVER: OnceLock<Driver> = OnceLock::new();

/// A running chromedriver.
pub struct Driver {
    pub address: SocketAddr,
    pub chromium: PathBuf,
    directory: PathBuf,
    /// Its pipe is closed by the end of this process and by nothing else.
    _guard: Child,
}

impl Driver {
    /// The driver of this process, started by whoever asks first.
    pub fn shared() -> &'static Self {
        DRIVER.get_or_init(Self::start)
    }

    /// An empty user-data-dir.
    pub fn profile(&self) -> TempDir {
        TempDir::new_in(&self.directory).expect("a directory for a profile")
    }

    /// Ends the browser of a test that failed, where nothing can be awaited.
    pub fn end(&self, session: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        stream.read(&mut [0; 32]).map(drop) // the answer comes when it has ended
    }

    fn start() -> Self {
        let (chromium, chromedriver) = (on_path("chromium"), on_path("chromedriver"));
        let directory = env::temp_dir().join(format!("aftercall-browser-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for the profiles");
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .env_clear()
            .envs([("HOME", &*directory), ("LANG", Path::new("C.UTF-8")), ("TZ", Path::new("UTC"))])
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let guard = guard(&driver, &directory);
        let address = (Ipv4Addr::LOCALHOST, port(&mut driver)).into();
        Self { address, chromium, directory, _guard: guard }
    }
}

fn guard(driver: &Child, directory: &Path) -> Child {
    Command::new("/bin/sh")
        .args(["-c", GUARD, "sh", &driver.id().to_string()])
        .arg(directory)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell starts")
}

/// Reads where the driver listens from what it says, and lets it go on talking.
fn port(driver: &mut Child) -> u16 {
    let mut output = BufReader::new(driver.stdout.take().expect("its output"));
    let mut line = String::new();
    while output.read_line(&mut line).expect("chromedriver speaks") > 0 {
        if let Some((_, port)) = line.rsplit_once("started successfully on port ") {
            let port = port.trim().trim_end_matches('.').parse().expect("a port");
            std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
            return port;
        }
        line.clear();
    }
    panic!("chromedriver ended before it listened");
}

fn on_path(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{program} is not on PATH: apt-get install chromium chromium-driver, or run .ci/browser")
    })
}
