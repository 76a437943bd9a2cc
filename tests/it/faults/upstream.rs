//! Outside systems that do what they are asked while every now and then their answer is lost, connection and all: nothing is
//! made twice, nothing is left out.

use super::{SUMMARISED, add_endpoint, arrived_at, assert_each_arrived, count, ids, settled, vars};
use crate::support::{
    Database, Gong, Proxy, Receiver, Server, callback,
    drive::{DriveStandIn, Layout},
    gong_api::GongApiStandIn,
    openai::OpenAiStandIn,
    transcript,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_lost_between_us_and_gong_the_model_and_drive_double_no_document_and_no_entry() {
    let (database, dir, calls) = (Database::create().await, tempfile::tempdir().unwrap(), ids(12));
    let (api, model) = (GongApiStandIn::start().await, OpenAiStandIn::start().await);
    let drive = DriveStandIn::start(Layout::SharedDrive).await;
    for id in &calls {
        api.add_call(
            callback(id)["callData"].clone(),
            Some(transcript(id)["callTranscripts"][0]["transcript"].clone()),
        );
    }
    let before_api = Proxy::losing_every(3, api.url()).await;
    let before_model = Proxy::losing_every(4, &model.base_url()).await;
    let before_drive = Proxy::losing_every(4, &drive.server.url).await;
    let mut vars = vars(&database);
    vars.extend([
        ("TRANSCRIPT_SOURCE", "gong".to_owned()),
        ("GONG_API_URL", before_api.url()),
        ("GONG_ACCESS_KEY", api.key().to_owned()),
        ("GONG_ACCESS_KEY_SECRET", api.secret().to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", before_model.url())),
        ("OPENAI_API_KEY", model.key().to_owned()),
        ("OPENAI_MODEL", model.model().to_owned()),
        ("GOOGLE_CREDS_JSON", drive.key_json()),
        ("GOOGLE_DRIVE_FOLDER_ID", drive.root_id()),
        ("GOOGLE_API_URL", before_drive.url()),
    ]);
    let receiver = Receiver::start().await;
    let mut server = Server::start(&["serve"], &vars, dir.path()).await;
    add_endpoint(&server, "webhook", &receiver.url(), &[SUMMARISED]).await;
    for id in &calls {
        assert_eq!(server.post_signed(&Gong::shared(), &callback(id)).await.unwrap().0, 202);
    }
    settled(&database).await;

    assert_eq!(count(&database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 12);
    assert_eq!(assert_each_arrived(&arrived_at(&receiver), SUMMARISED, &calls), 0, "nothing was wrong there");
    for (name, proxy) in [("Gong", &before_api), ("the model", &before_model), ("Drive", &before_drive)] {
        assert!(proxy.lost() > 0, "no answer of {name} was lost");
    }
    let files: Vec<_> = drive.files().into_iter().filter(|file| !file.trashed).collect();
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Call Summary", "Halden Freight", "Summary Log"], "one of each");
    let log = files.iter().find(|file| file.name == "Summary Log").and_then(|file| file.content.clone()).unwrap();
    for id in &calls {
        assert_eq!(log.matches(&format!("</a> · call {id}</p>")).count(), 1, "{id} stands in the log once: {log}");
    }
    assert_eq!(server.terminate(), Some(0));
}
