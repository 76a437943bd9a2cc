//! `files.list`: the part of the query language that conditions joined by `and` need, and pages.

use serde_json::{Value, json};

use super::{
    account::Grant,
    fields,
    files::Params,
    refusal::Refusal,
    world::{File, SHARED_DRIVE, World},
};

enum Term {
    Name(String),
    MimeType(String),
    Trashed(bool),
    Within(String),
    Property(String, String),
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Bare(String),
    Quoted(String),
}

pub(super) fn list(world: &mut World, grant: &Grant, params: &Params) -> Result<Value, Refusal> {
    let terms = terms(params.get("q")).ok_or_else(|| Refusal::invalid("Invalid Value"))?;
    check_corpus(params)?;
    let all_drives = params.all_drives();
    let whole_drive = all_drives && params.get("includeItemsFromAllDrives") == "true";
    for term in &terms {
        if let Term::Within(parent) = term {
            world.visible(parent, grant, all_drives).ok_or_else(|| Refusal::not_found(""))?;
        }
    }
    let size: usize = if params.get("pageSize").is_empty() { "100" } else { params.get("pageSize") }
        .parse()
        .ok()
        .filter(|size| (1..=1000).contains(size))
        .ok_or_else(|| Refusal::invalid("Invalid value for pageSize"))?;
    let (offset, skipped) =
        page(params.get("pageToken")).ok_or_else(|| Refusal::invalid("Invalid Value: pageToken"))?;
    let in_drive =
        |file: &File| params.get("driveId").is_empty() || file.drive_id.as_deref() == Some(params.get("driveId"));
    let found = world.files.values().filter(|file| {
        world.visible(&file.id, grant, whole_drive).is_some()
            && in_drive(file)
            && file.unseen_by == 0
            && terms.iter().all(|term| matches(world, term, file))
    });
    let mut found: Vec<&File> = found.collect();
    found.sort_by_key(|file| -file.made); // the newest first: nothing may rely on the order
    let answer = match world.page_size {
        // Partial and empty pages come before the end.
        Some(_) if !skipped => whole(world, &[], Some(&format!("~!!~{offset}-after-empty"))),
        Some(most) => page_of(world, &found, offset, size.min(most)),
        None => page_of(world, &found, offset, size),
    };
    let answer = fields::select(params.get("fields"), &answer);
    if params.get("pageToken").is_empty() {
        world.files.values_mut().for_each(|file| file.unseen_by = file.unseen_by.saturating_sub(1));
    }
    answer
}

fn page_of(world: &World, found: &[&File], offset: usize, size: usize) -> Value {
    let page: Vec<&File> = found.iter().skip(offset).take(size).copied().collect();
    let next = (offset + size < found.len()).then(|| format!("~!!~{}", offset + size));
    whole(world, &page, next.as_deref())
}

fn whole(world: &World, files: &[&File], next: Option<&str>) -> Value {
    let files: Vec<Value> = files.iter().map(|file| world.whole(file)).collect();
    json!({"kind": "drive#fileList", "incompleteSearch": world.incomplete, "nextPageToken": next, "files": files})
}

/// Where a page begins, and whether the empty one before it was answered.
fn page(token: &str) -> Option<(usize, bool)> {
    if token.is_empty() {
        return Some((0, false));
    }
    let token = token.strip_prefix("~!!~")?;
    let offset = token.strip_suffix("-after-empty");
    Some((offset.unwrap_or(token).parse().ok()?, offset.is_some()))
}

fn check_corpus(params: &Params) -> Result<(), Refusal> {
    let (corpora, drive) = (params.get("corpora"), params.get("driveId"));
    match (corpora, drive) {
        ("drive", "") => Err(Refusal::invalid("The driveId parameter must be specified.")),
        ("drive", _) if !params.all_drives() || params.get("includeItemsFromAllDrives") != "true" => {
            Err(Refusal::forbidden(
                "includeItemsFromAllDrivesRequired",
                "The includeItemsFromAllDrives parameter is required.",
            ))
        }
        ("" | "user" | "allDrives", "") | ("drive", SHARED_DRIVE) => Ok(()),
        ("drive", _) => Err(Refusal::not_found("Shared drive")),
        _ => Err(Refusal::invalid("The driveId parameter must be specified if and only if corpora is set to drive.")),
    }
}

fn matches(world: &World, term: &Term, file: &File) -> bool {
    match term {
        Term::Name(name) => file.name == *name,
        Term::MimeType(mime_type) => file.mime_type == *mime_type,
        Term::Trashed(trashed) => world.is_trashed(&file.id) == *trashed,
        Term::Within(parent) => file.parent.as_deref() == Some(parent),
        Term::Property(key, value) => file.properties.get(key) == Some(value),
    }
}

fn terms(query: &str) -> Option<Vec<Term>> {
    use Word::{Bare, Quoted};
    let words = words(query)?;
    let bare = |word: &Word, wanted: &str| matches!(word, Bare(word) if word == wanted);
    let mut rest = &words[..];
    let mut terms = Vec::new();
    loop {
        let (term, length) = match rest {
            [field, is, Quoted(text), ..] if bare(field, "name") && bare(is, "=") => (Term::Name(text.clone()), 3),
            [field, is, Quoted(text), ..] if bare(field, "mimeType") && bare(is, "=") => {
                (Term::MimeType(text.clone()), 3)
            }
            [field, is, Bare(flag), ..] if bare(field, "trashed") && bare(is, "=") => {
                (Term::Trashed(flag.parse().ok()?), 3)
            }
            [Quoted(parent), within, field, ..] if bare(within, "in") && bare(field, "parents") => {
                (Term::Within(parent.clone()), 3)
            }
            [field, has, open, key, is, Quoted(name), and, value, equals, Quoted(text), close, ..]
                if [(field, "appProperties"), (has, "has"), (open, "{"), (key, "key"), (is, "="), (and, "and")]
                    .iter()
                    .chain(&[(value, "value"), (equals, "="), (close, "}")])
                    .all(|(word, wanted)| bare(word, wanted)) =>
            {
                (Term::Property(name.clone(), text.clone()), 11)
            }
            _ => return None,
        };
        terms.push(term);
        rest = &rest[length..];
        match rest {
            [] => return Some(terms),
            [and, ..] if bare(and, "and") => rest = &rest[1..],
            _ => return None,
        }
    }
}

/// Splits a query into words; a backslash in quotes takes the next letter as it is, and may stand before `'` and `\`
/// only.
fn words(query: &str) -> Option<Vec<Word>> {
    let mut letters = query.chars().peekable();
    let mut words = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '\'' => {
                let mut text = String::new();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        '\\' => text.push(letters.next().filter(|escaped| matches!(escaped, '\'' | '\\'))?),
                        other => text.push(other),
                    }
                }
                words.push(Word::Quoted(text));
            }
            '{' | '}' | '=' => words.push(Word::Bare(letter.to_string())),
            _ => {
                let mut word = letter.to_string();
                while let Some(more) = letters.next_if(char::is_ascii_alphanumeric) {
                    word.push(more);
                }
                words.push(Word::Bare(word));
            }
        }
    }
    Some(words)
}
