//! Configurations that cannot work: refused at the start, by the variables' names.

use super::aftercall;
use crate::support::drive::{DriveStandIn, Layout};

/// What every value that may be secret looks like here.
const SECRET: &str = "sesame-open-0123456789";

/// Variables that are given.
type Given<'a> = &'a [(&'a str, &'a str)];

/// Exits 2, names these variables and nobody's value.
#[track_caller]
fn assert_refused(vars: Given<'_>, names: &[&str], says: &str) {
    let owned: Vec<(&str, String)> = vars.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let (code, stdout, stderr) = aftercall(&["check"], &owned);
    assert_eq!((code, stdout.as_str()), (2, ""), "{vars:?}: {stderr}");
    let mut named: Vec<&str> =
        stderr.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ")).map(|(name, _)| name).collect();
    let mut expected = names.to_vec();
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected, "{vars:?}: {stderr}");
    assert!(stderr.contains(says), "{vars:?}: “{says}” is not in: {stderr}");
    assert!(!stderr.contains("sesame") && !stderr.contains("MII"), "{vars:?}: {stderr}");
}

#[test]
fn half_a_credential_names_the_other_half() {
    let url = "https://api.example.com";
    for (vars, names) in [
        (&[("GONG_ACCESS_KEY", SECRET)][..], &["GONG_ACCESS_KEY_SECRET"][..]),
        (&[("GONG_ACCESS_KEY_SECRET", SECRET)], &["GONG_ACCESS_KEY"]),
        (&[("GONG_API_URL", url)], &["GONG_ACCESS_KEY", "GONG_ACCESS_KEY_SECRET"]),
        (&[("GONG_POLLING", "on")], &["GONG_ACCESS_KEY", "GONG_ACCESS_KEY_SECRET"]),
        (&[("SNOWFLAKE_ACCOUNT", "a-b")], &["SNOWFLAKE_PRIVATE_KEY_PATH"]),
        (&[("SNOWFLAKE_TOKEN", SECRET)], &["SNOWFLAKE_ACCOUNT"]),
        (&[("SNOWFLAKE_USER", "u")], &["SNOWFLAKE_ACCOUNT"]),
        (&[("SNOWFLAKE_WAREHOUSE", "w")], &["SNOWFLAKE_ACCOUNT"]),
        (&[("OPENAI_API_KEY", SECRET)], &["OPENAI_MODEL"]),
        (&[("OPENAI_BASE_URL", url)], &["OPENAI_MODEL"]),
        (&[("OPENAI_MODEL", "m")], &["OPENAI_API_KEY"]),
        (&[("OPENAI_API", "responses")], &["OPENAI_API"]),
        (&[("OPENAI_INPUT_TOKENS", "9000")], &["OPENAI_INPUT_TOKENS"]),
        (&[("GOOGLE_DRIVE_FOLDER_ID", "1x")], &["GOOGLE_APPLICATION_CREDENTIALS"]),
        (&[("GOOGLE_IMPERSONATE", "a@b.example")], &["GOOGLE_APPLICATION_CREDENTIALS"]),
        (&[("SMTP_HOST", "mail.example")], &["FROM_EMAIL"]),
        (&[("SMTP_HOST", "m"), ("FROM_EMAIL", "a@b.example"), ("SMTP_USER", "u")], &["SMTP_PASSWORD"]),
        (&[("SMTP_HOST", "m"), ("FROM_EMAIL", "a@b.example"), ("SMTP_PASSWORD", SECRET)], &["SMTP_USER"]),
        (&[("SMTP_PASSWORD", SECRET)], &["SMTP_PASSWORD"]),
        (&[("DATABASE_URL", "postgres://x:sesame@h/d")], &["ENCRYPTION_KEYS"]),
    ] {
        assert_refused(vars, names, "");
    }
}

#[test]
fn what_can_no_longer_work_is_refused_with_what_to_use_instead() {
    let account = [("SNOWFLAKE_ACCOUNT", "a-b"), ("SNOWFLAKE_TOKEN", SECRET)];
    for (name, value, says) in [
        ("ASSISTANT_ID", "asst_sesame", "name a model in OPENAI_MODEL"),
        ("SNOWFLAKE_AUTHENTICATOR", "externalbrowser", "give SNOWFLAKE_PRIVATE_KEY_PATH"),
        ("SNOWFLAKE_AUTHENTICATOR", "ExternalBrowser", "nobody to sign in"),
        ("SNOWFLAKE_AUTHENTICATOR", "snowflake", "not supported"),
        ("SNOWFLAKE_PASSWORD", SECRET, "SNOWFLAKE_TOKEN (a programmatic access token)"),
    ] {
        assert_refused(&[&account[..], &[(name, value)]].concat(), &[name], says);
    }
}

#[test]
fn a_source_of_transcripts_needs_its_credentials() {
    for (source, says) in [
        ("snowflake", "SNOWFLAKE_ACCOUNT"),
        ("gong", "GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET"),
        ("carrier-pigeon", "gong, snowflake or import"),
    ] {
        assert_refused(&[("TRANSCRIPT_SOURCE", source)], &["TRANSCRIPT_SOURCE"], says);
    }
}

#[test]
fn a_file_that_cannot_be_read_or_holds_something_else_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong");
    std::fs::write(&path, SECRET).unwrap();
    let (wrong, missing) = (path.display().to_string(), dir.path().join("missing").display().to_string());
    let snowflake = [("SNOWFLAKE_ACCOUNT", "a-b"), ("SNOWFLAKE_USER", "u")];
    let google = [("GOOGLE_DRIVE_FOLDER_ID", "1x")];
    let model = [("OPENAI_API_KEY", SECRET), ("OPENAI_MODEL", "m")];
    let cases: [(&str, Given<'_>, &str); 5] = [
        ("SNOWFLAKE_PRIVATE_KEY_PATH", &snowflake, "not a private key in PEM"),
        ("GOOGLE_APPLICATION_CREDENTIALS", &google, "not JSON"),
        ("SUMMARY_INTENTS_PATH", &[], "not an object of intents"),
        ("EXTRA_CA_FILE", &[], "no PEM certificate"),
        ("SUMMARY_INSTRUCTIONS_PATH", &model, ""),
    ];
    for (name, others, says) in cases {
        assert_refused(&[others, &[(name, &missing)]].concat(), &[name], "cannot read the file");
        if !says.is_empty() {
            assert_refused(&[others, &[(name, &wrong)]].concat(), &[name], says);
        }
    }
    assert_refused(&[("IMPORT_DIR", &missing)], &["IMPORT_DIR"], "a directory that exists");
    let token = [&snowflake[..], &[("SNOWFLAKE_TOKEN", SECRET), ("SNOWFLAKE_QUERY_PATH", &wrong)]].concat();
    assert_refused(&token, &["SNOWFLAKE_QUERY_PATH"], "one bind");
    assert_refused(&[&google[..], &[("GOOGLE_CREDS_JSON", SECRET)]].concat(), &["GOOGLE_CREDS_JSON"], "not JSON");
}

#[tokio::test]
async fn two_credentials_for_one_system_are_one_too_many() {
    let drive = DriveStandIn::start(Layout::SharedDrive).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    std::fs::write(&path, drive.key_json()).unwrap();
    let (key, path) = (drive.key_json(), path.display().to_string());
    let google =
        [("GOOGLE_DRIVE_FOLDER_ID", "1x"), ("GOOGLE_CREDS_JSON", &*key), ("GOOGLE_APPLICATION_CREDENTIALS", &*path)];
    assert_refused(&google, &["GOOGLE_CREDS_JSON"], "GOOGLE_APPLICATION_CREDENTIALS are both given");
    assert_refused(&google[1..2], &["GOOGLE_DRIVE_FOLDER_ID"], "must be given with GOOGLE_CREDS_JSON");
    assert_refused(&google[2..], &["GOOGLE_DRIVE_FOLDER_ID"], "must be given with GOOGLE_APPLICATION_CREDENTIALS");

    let pem = dir.path().join("key.p8");
    std::fs::write(&pem, crate::support::snowflake::SnowflakeStandIn::private_key_pem()).unwrap();
    let pem = pem.display().to_string();
    let snowflake = [
        ("SNOWFLAKE_ACCOUNT", "a-b"),
        ("SNOWFLAKE_USER", "u"),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", &*pem),
        ("SNOWFLAKE_TOKEN", SECRET),
    ];
    assert_refused(&snowflake, &["SNOWFLAKE_TOKEN"], "leave one out");
    let no_user = [snowflake[0], snowflake[2]];
    assert_refused(&no_user, &["SNOWFLAKE_USER"], "must be given with SNOWFLAKE_PRIVATE_KEY_PATH");
}

#[test]
fn addresses_that_would_carry_a_credential_in_the_clear_are_refused() {
    let clear = "http://api.example.com";
    for (vars, name) in [
        (&[("GONG_ACCESS_KEY", "k"), ("GONG_ACCESS_KEY_SECRET", SECRET), ("GONG_API_URL", clear)][..], "GONG_API_URL"),
        (&[("SNOWFLAKE_ACCOUNT", "a-b"), ("SNOWFLAKE_TOKEN", SECRET), ("SNOWFLAKE_URL", clear)], "SNOWFLAKE_URL"),
    ] {
        assert_refused(vars, &[name], "https:");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    assert_refused(
        &[
            ("GONG_ACCESS_KEY", SECRET),
            ("OPENAI_API_KEY", SECRET),
            ("ASSISTANT_ID", SECRET),
            ("GOOGLE_IMPERSONATE", "a@b.example"),
            ("SMTP_PASSWORD", SECRET),
            ("SUMMARY_FALLBACK", "perhaps"),
            ("ACCOUNT_MAIL", "perhaps"),
            ("TRANSCRIPT_SOURCE", "gong"),
        ],
        &[
            "GONG_ACCESS_KEY_SECRET",
            "OPENAI_MODEL",
            "ASSISTANT_ID",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "SMTP_PASSWORD",
            "SUMMARY_FALLBACK",
            "ACCOUNT_MAIL",
            "TRANSCRIPT_SOURCE",
        ],
        "the configuration cannot be used:",
    );
}
