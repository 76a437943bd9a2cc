//! Servers for browsers: the app under test behind the production accept loop, and the demo as a process.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use aftercall::{http::server, lifecycle::Shutdown};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{Browser, BrowserBuilder};
use crate::support::{Server, TOKEN, TestApp, TestAppBuilder};

/// The demo runs its whole story before it stays up.
const PATIENCE: Duration = Duration::from_secs(90);

/// An app whose clock stands still and whose workers the test steps, on a port of loopback.
pub struct Site {
    pub app: TestApp,
    pub url: String,
}

impl Site {
    pub async fn start() -> Self {
        Self::start_with(TestAppBuilder::default()).await
    }

    pub async fn start_with(builder: TestAppBuilder) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = builder.with("PUBLIC_URL", &url).start().await;
        tokio::spawn(server::serve(listener, app.router(), Shutdown::default()));
        Self { app, url }
    }

    pub fn browser(&self) -> BrowserBuilder {
        Browser::at(&self.url)
    }

    /// What the API says.
    pub async fn ask(&self, path: &str) -> Value {
        self.app.get(path).await.expect(200).body
    }
}

/// `aftercall demo`, its story told, still up.
pub struct Demo {
    pub url: String,
    pub token: String,
    server: Server,
    _data_dir: TempDir,
}

impl Demo {
    pub async fn start() -> Self {
        // The database's own account has to get through.
        let open = Permissions::from_mode(0o755);
        let data_dir = tempfile::Builder::new().permissions(open).tempdir().expect("a directory");
        let output = data_dir.path().join("output");
        let file = File::create(&output).expect("a file");
        let vars = [("ADMIN_TOKEN", TOKEN.to_owned())].into();
        let server = Server::start_writing(&["demo"], &vars, data_dir.path(), &file).await;
        let deadline = Instant::now() + PATIENCE;
        let token = loop {
            let told = fs::read_to_string(&output).expect("the story");
            if let Some((token, _)) = told.split_once("    token      ").and_then(|(_, rest)| rest.split_once('\n')) {
                break token.to_owned();
            }
            assert!(Instant::now() < deadline, "the demo did not end its story: {told}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Self { url: server.url(""), token, server, _data_dir: data_dir }
    }

    pub fn browser(&self) -> BrowserBuilder {
        Browser::at(&self.url)
    }

    /// What the API says.
    pub async fn ask(&self, path: &str) -> Value {
        self.server.api(Method::GET, path, None).await.expect("an answer")
    }
}

impl Drop for Demo {
    /// Its database ends with it only if it is asked to end.
    fn drop(&mut self) {
        self.server.terminate();
    }
}
