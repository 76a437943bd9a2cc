//! The real binary, started, killed and started again.

use std::{
    collections::HashMap,
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Gong, Signing};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `aftercall`.
pub struct Server {
    child: Child,
    pub port: u16,
    client: reqwest::Client,
}

impl Server {
    /// Starts a command with these variables on a free port and waits until it is ready.
    pub async fn start(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path) -> Self {
        let server = Self::spawn(command, vars, data_dir);
        server.wait_until_ready().await;
        server
    }

    /// Does the same and puts everything that the process says into a file.
    pub async fn start_writing(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path, output: &File) -> Self {
        let into = || Stdio::from(output.try_clone().expect("the file can be shared"));
        let server = Self::spawn_with(command, vars, data_dir, (into(), into()));
        server.wait_until_ready().await;
        server
    }

    /// Starts a command with these variables and waits for nothing.
    pub fn spawn(command: &[&str], vars: &HashMap<&str, String>, data_dir: &Path) -> Self {
        Self::spawn_with(command, vars, data_dir, (Stdio::inherit(), Stdio::inherit()))
    }

    fn spawn_with(
        command: &[&str],
        vars: &HashMap<&str, String>,
        data_dir: &Path,
        (stdout, stderr): (Stdio, Stdio),
    ) -> Self {
        let port = free_port();
        let mut process = Command::new(env!("CARGO_BIN_EXE_aftercall"));
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
        Self { child, port, client }
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_none()
    }

    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.client.get(self.url("/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(Instant::now() < deadline, "the server did not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// SIGKILL, at whatever it is doing.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// SIGTERM, and waits for the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the process takes signals");
        self.child.wait().expect("the process ends").code()
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
        let mut request = self.client.request(method, self.url(path)).bearer_auth(super::app::TOKEN);
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
