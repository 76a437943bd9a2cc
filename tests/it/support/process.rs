//! The real binary, started, killed, frozen and started again.

use std::{
    collections::HashMap,
    fs::File,
    net::TcpListener,
    ops::Deref,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Database, Gong, Signing, TOKEN};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process is told that works on this database, takes callbacks of [`Gong::shared`], and sends to receivers here.
pub fn serve_vars(database: &Database) -> HashMap<&'static str, String> {
    [
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43))),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
        ("GONG_WEBHOOK_PUBLIC_KEY", Gong::shared().bare_key),
        ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
        ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
    ]
    .into()
}

/// Where a process is asked: outlives the process.
#[derive(Clone)]
pub struct Door {
    pub port: u16,
    client: reqwest::Client,
}

/// A running `aftercall`, asked at its door.
pub struct Server {
    child: Child,
    door: Door,
}

impl Deref for Server {
    type Target = Door;
    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Server {
    /// Starts a command with these variables on a free port and waits until it is ready.
    pub async fn start(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path) -> Self {
        let mut server = Self::spawn(command, vars, data_dir);
        assert!(server.becomes_ready().await, "the process ended instead of becoming ready");
        server
    }

    /// Does the same and puts everything that the process says into a file.
    pub async fn start_writing(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path, output: &File) -> Self {
        let into = || Stdio::from(output.try_clone().expect("the file can be shared"));
        let binary = Command::new(env!("CARGO_BIN_EXE_aftercall"));
        let mut server = Self::spawn_with(binary, command, vars, data_dir, (into(), into()));
        assert!(server.becomes_ready().await, "the process ended instead of becoming ready");
        server
    }

    /// Does the same in a shell that first runs `script`, and listens to nothing that the process says.
    pub async fn start_after(script: &str, command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{script}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_aftercall")]);
        let mut server = Self::spawn_with(shell, command, vars, data_dir, (Stdio::null(), Stdio::null()));
        assert!(server.becomes_ready().await, "the process ended instead of becoming ready");
        server
    }

    /// Starts a command with these variables and waits for nothing.
    pub fn spawn(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path) -> Self {
        let binary = Command::new(env!("CARGO_BIN_EXE_aftercall"));
        Self::spawn_with(binary, command, vars, data_dir, (Stdio::inherit(), Stdio::inherit()))
    }

    fn spawn_with(
        mut process: Command,
        command: &[&str],
        vars: &HashMap<&str, String>,
        data_dir: &Path,
        (stdout, stderr): (Stdio, Stdio),
    ) -> Self {
        let port = free_port();
        process
            .args(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PORT", port.to_string())
            .env("BIND_ADDR", "127.0.0.1")
            .env("DATA_DIR", data_dir)
            .env("LOG_LEVEL", "warn")
            .envs(vars)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        if command == ["worker"] {
            process.env("METRICS_PORT", port.to_string());
        }
        let child = process.spawn().expect("the binary starts");
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client");
        Self { child, door: Door { port, client } }
    }

    /// Where it is asked.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_none()
    }

    /// Waits until it is ready; `false` says that it ended instead.
    pub async fn becomes_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            let answer = self.client.get(self.url("/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return true;
            }
            assert!(Instant::now() < deadline, "the process did not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// SIGKILL, at whatever it is doing.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// SIGTERM, and waits for the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended().code()
    }

    /// Sends a signal, and waits for nothing.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process takes signals");
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("the process ends")
    }
}

impl Door {
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Posts a signed callback; `None` when no answer came.
    pub async fn post_signed(&self, gong: &Gong, body: &Value) -> Option<(u16, Value)> {
        let (url, body) = (self.url("/webhooks/gong"), body.to_string());
        let exp = i64::MAX / 1_000_000;
        let token = gong.token(&Signing { url: &url, body: body.as_bytes(), exp });
        let request = self.client.post(&url).header("authorization", token).header("content-type", "application/json");
        let answer = request.body(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    }

    /// Asks the admin API; `None` when no answer came.
    pub async fn api(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Option<Value> {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.ok()?.json().await.ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
