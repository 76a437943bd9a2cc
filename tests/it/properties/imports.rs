//! Files for import, as one document and as one a line.

use aftercall::{clients::gong::parse_json_exact, intake::import::Contents};

use super::told;

/// What is taken can be stored, the rest is told of at its place, and a file that is there twice brings the same twice.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (document, lines) = (Contents::of_document(text), Contents::of_lines(text));
    for contents in [&document, &lines] {
        contents.calls.iter().for_each(told::call);
        for (id, turns) in &contents.transcripts {
            told::call_id(id);
            told::turns(turns, &[]);
        }
        assert!(contents.problems.iter().all(|problem| !problem.is_empty() && problem.len() < 1000));
    }
    let is_json = parse_json_exact(text.trim_start_matches('\u{feff}').as_bytes()).is_ok();
    assert!(is_json || document.problems.len() == 1 && told_of(&document) == 0);
    if is_json && !text.trim().contains(['\n', '\r']) {
        assert_eq!((&lines.calls, &lines.transcripts), (&document.calls, &document.transcripts));
        assert_eq!(lines.problems.len(), document.problems.len());
    }
    let unmarked = text.trim_start_matches('\u{feff}');
    let twice = Contents::of_lines(&format!("{unmarked}\n{unmarked}"));
    assert_eq!(twice.calls, [lines.calls.clone(), lines.calls].concat());
    assert_eq!(twice.transcripts, [lines.transcripts.clone(), lines.transcripts].concat());
    assert_eq!(twice.problems.len(), 2 * lines.problems.len());
}

fn told_of(contents: &Contents) -> usize {
    contents.calls.len() + contents.transcripts.len()
}
