//! The files for Cloud Run: the real binary starts with exactly the settings that stand there, and answers the probes on the
//! port that Cloud Run would hand it.

use std::{collections::HashMap, process::Command};

use aftercall::domain::keyring::KeyRing;
use serde_json::Value;
use tempfile::TempDir;

use super::{file, list, yaml};
use crate::support::{Database, Gong, Server, TOKEN};

const SERVICE: &str = "/spec/template/spec/containers/0";
const JOB: &str = "/spec/template/spec/template/spec/containers/0";

/// A container, with a database, secrets and a directory in the place of Google's.
struct Container {
    args: Vec<String>,
    port: Value,
    probes: Vec<Value>,
    vars: HashMap<String, String>,
    dir: TempDir,
    database: Database,
}

impl Container {
    async fn of(path: &str, place: &str) -> Self {
        let document = yaml(path);
        let container = document.pointer(place).unwrap_or_else(|| panic!("{path} has no {place}"));
        let (database, dir) = (Database::create().await, tempfile::tempdir().unwrap());
        let secrets = HashMap::from([
            ("aftercall-database-url", database.url()),
            ("aftercall-encryption-keys", KeyRing::generate()),
            ("aftercall-admin-token", TOKEN.to_owned()),
            ("aftercall-gong-public-key", Gong::shared().bare_key),
        ]);
        let value = |variable: &Value| match variable["value"].as_str() {
            Some(value) => value.replace("PUBLIC_HOST", "aftercall.example.com"),
            None => secrets[variable["valueFrom"]["secretKeyRef"]["name"].as_str().expect("a secret")].clone(),
        };
        let variables = list(container, "/env").iter();
        let mut vars: HashMap<String, String> = variables
            .map(|variable| (variable["name"].as_str().expect("a name").to_owned(), value(variable)))
            .collect();
        vars.insert("DATA_DIR".to_owned(), dir.path().display().to_string());
        let readme = file("README.md");
        for name in vars.keys() {
            assert!(readme.contains(&format!("`{name}`")), "{path}: {name} is not in the table of the README");
        }
        let args = list(container, "/args").iter().map(|arg| arg.as_str().expect("a word").to_owned()).collect();
        let probes = ["startupProbe", "livenessProbe"].map(|probe| container[probe]["httpGet"].clone());
        let port = container["ports"][0]["containerPort"].clone();
        Self { args, port, probes: probes.to_vec(), vars, dir, database }
    }

    async fn start(&self) -> Server {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let vars = self.vars.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        Server::start(&args, &vars, self.dir.path()).await
    }

    async fn assert_probes_are_answered(&self, server: &Server) {
        for probe in &self.probes {
            assert_eq!(probe["port"], self.port, "{probe}");
            let answer = reqwest::get(server.url(probe["path"].as_str().expect("a path"))).await.unwrap();
            assert_eq!(answer.status(), 200, "{probe}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_starts_with_its_settings_answers_its_probes_and_keeps_metrics_to_itself() {
    let mut container = Container::of("cloudrun.yaml", SERVICE).await;
    assert_ne!(Some(container.vars["METRICS_PORT"].as_str()), container.port.as_str());
    container.vars.insert("METRICS_PORT".to_owned(), "0".to_owned()); // one that is free
    let mut server = container.start().await;
    container.assert_probes_are_answered(&server).await;
    assert_eq!(reqwest::get(server.url("/metrics")).await.unwrap().status(), 404);
    let ready: Value = reqwest::get(server.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(ready["workers"], "ok");
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workers_apart_start_with_their_settings_and_answer_their_probes_on_the_port_of_cloud_run() {
    let container = Container::of("deploy/cloudrun/worker.yaml", SERVICE).await;
    assert_eq!(container.args, ["worker"]);
    assert_eq!(container.vars["METRICS_PORT"], container.port.to_string(), "health is on the port Cloud Run asks");
    let mut server = container.start().await;
    container.assert_probes_are_answered(&server).await;
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test]
async fn the_migration_job_ends_well_with_its_settings() {
    let container = Container::of("deploy/cloudrun/migrate.yaml", JOB).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    let output = command.args(&container.args).env_clear().envs(&container.vars).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let applied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&container.database.pool).await.unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), aftercall::db::MIGRATOR.iter().count());
}
