//! What must hold of a call and of what was said on it, whoever told us.

use aftercall::domain::{
    call::{Call, Party},
    ids::RunId,
    payload::CallData,
    transcript::{StoredTurn, Transcript},
};
use chrono::Datelike;

/// A call can be stored, told again, and told to others without anybody's address.
pub fn call(call: &Call) {
    call_id(&call.id);
    let parties = call.parties.iter().flat_map(|party| [&party.speaker_id, &party.name, &party.email]);
    let account = call.crm_account.iter().flat_map(|account| [Some(&account.name), account.number.as_ref()]);
    let texts = [&call.title, &call.url, &call.language].into_iter().chain(parties).filter_map(Option::as_ref);
    for text in texts.chain(account.flatten()) {
        assert!(!text.is_empty() && text.trim() == text && !text.contains('\0'), "{text:?}");
    }
    assert!(call.url.iter().all(|url| url.starts_with("https://") || url.starts_with("http://")));
    assert!(call.started_at.is_none_or(|at| (0..=9999).contains(&at.year())));

    let mut twice = call.clone();
    twice.merge(call.clone());
    assert_eq!(&twice, call, "told twice is told once");
    let silent = Call { id: call.id.clone(), ..Call::default() };
    twice.merge(silent);
    assert_eq!(&twice, call, "silence forgets nothing");

    let account = call.crm_account.as_ref();
    let payload = CallData::new(call, account, RunId::from(uuid::Uuid::nil())).to_value().to_string();
    for address in call.parties.iter().filter_map(|party| party.email.as_deref()).filter(|email| is_address(email)) {
        assert!(!payload.contains(address), "{address} in {payload}");
    }
}

/// An id fits an index, a log line and a URL.
pub fn call_id(id: &str) {
    assert!(!id.is_empty() && id.len() <= 128 && id.trim() == id && !id.chars().any(char::is_control), "{id:?}");
}

/// Turns can be stored and read, by whoever is named in them.
pub fn turns(turns: &[StoredTurn], parties: &[Party]) {
    for turn in turns {
        assert!(!turn.sentences.is_empty());
        assert!(turn.sentences.iter().all(|text| !text.trim().is_empty() && !text.contains('\0')), "{turn:?}");
        let names = [&turn.speaker_id, &turn.speaker_name];
        assert!(names.into_iter().flatten().all(|name| !name.trim().is_empty() && !name.contains('\0')), "{turn:?}");
    }
    let read = Transcript::joined(turns.to_vec(), parties).turns;
    assert!(read.iter().map(|turn| &turn.sentences).eq(turns.iter().map(|turn| &turn.sentences)), "words were lost");
    assert!(read.iter().all(|turn| !turn.speaker.is_empty()));
}

/// A plain mailbox such as `dana.reyes@halden.example`.
fn is_address(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some((name, domain)) = text.split_once('@') else { return false };
    name.split('.').all(is_word) && domain.contains('.') && domain.split('.').all(is_word)
}
