//! Every page of the panel, for tests that walk all of them.

use serde_json::Value;

use super::support::Site;

/// A page that somebody has who is signed in.
pub struct Place {
    /// Of its picture.
    pub name: &'static str,
    /// Where an id belongs stands the list of the admin API that gives it: `/panel/calls/{calls}` is the newest call.
    pub path: &'static str,
}

const fn place(name: &'static str, path: &'static str) -> Place {
    Place { name, path }
}

pub const PLACES: &[Place] = &[
    place("overview", "/panel"),
    place("calls", "/panel/calls"),
    place("call", "/panel/runs/{runs?state=done}"), // leads to the call
    place("call-private", "/panel/calls/{calls}"),
    place("failed-runs", "/panel/runs"),
    place("log", "/panel/log"),
    place("delivery", "/panel/log/{notify/logs}"),
    place("send-again", "/panel/log/recover"),
    place("endpoints", "/panel/endpoints"),
    place("endpoint-kinds", "/panel/endpoints/new"),
    place("endpoint-new", "/panel/endpoints/new?kind=webhook"),
    place("endpoint", "/panel/endpoints/{notify/endpoints}"),
    place("endpoint-edit", "/panel/endpoints/{notify/endpoints}/edit"),
    place("accounts", "/panel/accounts"),
    place("sources", "/panel/sources"),
    place("tokens", "/panel/tokens"),
    place("audit", "/panel/audit"),
    place("configuration", "/panel/configuration"),
];

impl Place {
    /// The path, with what the API lists first.
    pub async fn path(&self, ask: impl AsyncFn(String) -> Value) -> String {
        let Some((before, rest)) = self.path.split_once('{') else { return self.path.to_owned() };
        let (list, after) = rest.split_once('}').expect("the end of a list's name");
        let things = ask(format!("/api/v1/admin/{list}")).await;
        let id = things["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{list} lists nothing"));
        format!("{before}{id}{after}")
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_place_of_one_thing_is_that_of_the_first_in_its_list() {
    let site = Site::start().await;
    site.app.process("27").await;
    let place = Place { name: "call", path: "/panel/calls/{calls?limit=1}?part=summary" };
    let path = place.path(async |path| site.ask(&path).await).await;
    assert_eq!(path, "/panel/calls/27?part=summary");
}
