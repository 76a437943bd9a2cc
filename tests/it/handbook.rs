//! What people read leads where it says: each link of the documents resolves, to the heading.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The anchors of a page, as code hosts make them of headings.
fn anchors(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in text.lines() {
        in_code ^= line.contains("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !in_code) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
        let anchor: String = kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect();
        let before = anchors.iter().filter(|other| **other == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

/// Fails unless a link on a page (its path, or `""` for the top) leads to something that is there.
#[track_caller]
pub fn assert_leads_somewhere(page: &str, link: &str) {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let joined = if path.is_empty() { PathBuf::from(page) } else { Path::new(page).with_file_name("").join(path) };
    let mut target = PathBuf::from(ROOT);
    for component in joined.components() {
        match component {
            Component::ParentDir => assert!(target.pop(), "{page}: {link}"),
            component => target.push(component),
        }
    }
    assert!(target.exists(), "{page}: {link}: {} is not there", target.display());
    if !anchor.is_empty() {
        let text = std::fs::read_to_string(&target).expect("a text");
        assert!(anchors(&text).iter().any(|heading| heading == anchor), "{page}: {link}: no such heading");
    }
}

/// The documents, by their paths.
fn pages() -> Vec<String> {
    let docs = std::fs::read_dir(format!("{ROOT}/docs")).expect("docs");
    let names = docs.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let documents = names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"));
    let documents = documents.map(|name| format!("docs/{name}"));
    documents.chain(["README.md", "CHANGELOG.md", "docs/panel/README.md"].map(str::to_owned)).collect()
}

#[test]
fn every_link_of_the_documents_resolves() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut seen = 0;
    for page in pages() {
        let text = std::fs::read_to_string(format!("{ROOT}/{page}")).expect("a page");
        for link in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if !link.contains("://") && !link.starts_with("mailto:") {
                assert_leads_somewhere(&page, &link);
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}
