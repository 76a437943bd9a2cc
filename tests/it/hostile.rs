//! What comes from outside: the properties of the fuzz targets, asked of their seeds and of what is made of these by cutting,
//! mixing, and putting in the words of their dictionary. A fuzzer goes further: `.ci/fuzz`.

use std::{fmt, fs, path::PathBuf, sync::LazyLock};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};

use crate::properties;

#[test]
fn only_who_knows_a_secret_is_believed() {
    twin("proofs", properties::proofs::hold, 512);
}

#[test]
fn a_signed_token_is_believed_only_of_this_body_here_and_now() {
    twin("claims", properties::claims::hold, 64);
}

#[test]
fn a_callback_is_refused_or_names_a_call_that_can_be_stored() {
    twin("callbacks", properties::callbacks::hold, 512);
}

#[test]
fn no_word_of_a_transcript_is_lost_or_made_up() {
    twin("transcripts", properties::transcripts::hold, 512);
}

#[test]
fn a_file_for_import_brings_what_can_be_stored_and_tells_of_the_rest() {
    twin("imports", properties::imports::hold, 512);
}

#[test]
fn any_request_is_answered_as_the_house_answers() {
    twin("requests", properties::requests::hold, 256);
}

#[test]
fn a_wait_that_is_asked_for_is_bounded() {
    twin("retry_after", properties::retry_after::hold, 512);
}

#[test]
fn no_target_leads_inside_whatever_its_spelling() {
    twin("targets", properties::targets::hold, 512);
}

#[test]
fn words_of_an_event_stay_words_on_every_channel() {
    twin("notices", properties::notices::hold, 128);
}

#[test]
fn words_of_a_call_stay_words_in_documents() {
    twin("documents", properties::documents::hold, 256);
}

#[test]
fn an_id_has_one_spelling_and_one_kind() {
    twin("ids", properties::ids::hold, 512);
}

#[test]
fn a_filter_is_what_its_entries_say() {
    twin("filters", properties::filters::hold, 512);
}

#[test]
fn an_answer_of_a_model_is_refused_or_within_bounds() {
    twin("answers", properties::answers::hold, 512);
}

#[test]
fn no_address_stays_in_what_goes_out() {
    twin("contacts", properties::contacts::hold, 512);
}

static FUZZ: LazyLock<PathBuf> = LazyLock::new(|| concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz").into());

/// Asks a property of every seed of its target, and of so many inputs made of them.
fn twin(target: &str, hold: fn(&[u8]), cases: u32) {
    let seeds = fs::read_dir(FUZZ.join("seeds").join(target)).expect("seeds");
    let mut paths: Vec<PathBuf> = seeds.map(|seed| seed.expect("a seed").path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a seed")).collect();
    for seed in &seeds {
        hold(seed);
    }
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(&made_of(seeds), |Input(bytes)| {
        hold(&bytes);
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{target}: {failure}");
    }
}

/// A seed in which a few places are replaced: by words, parts of other seeds, or anything.
fn made_of(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let part = (select(seeds.clone()), any::<Index>(), 0..40_usize).prop_map(|(seed, at, length)| {
        let at = at.index(seed.len() + 1);
        seed[at..seed.len().min(at + length)].to_vec()
    });
    let anything = prop_oneof![vec(any::<u8>(), 0..8), any::<String>().prop_map(String::into_bytes)];
    let piece = prop_oneof![3 => select(words()), 1 => part, 1 => anything];
    let edit = (any::<Index>(), 0..12_usize, piece);
    (select(seeds), vec(edit, 0..6)).prop_map(|(mut input, edits)| {
        for (at, length, piece) in edits {
            let at = at.index(input.len() + 1);
            let end = input.len().min(at + length);
            input.splice(at..end, piece);
        }
        Input(input)
    })
}

/// Shown as what could be put into a seed.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The words of the dictionary: in quotes, with `\"`, `\\` and `\xNN`.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(FUZZ.join("hostile.dict")).expect("a dictionary");
    text.lines().filter_map(|line| Some(word(line.strip_prefix('"')?.strip_suffix('"')?.as_bytes()))).collect()
}

fn word(mut quoted: &[u8]) -> Vec<u8> {
    let mut word = Vec::new();
    while let [first, rest @ ..] = quoted {
        (word, quoted) = match (first, rest) {
            (b'\\', [b'x', high, low, rest @ ..]) => {
                let byte = hex::decode([*high, *low]).expect("two hex digits");
                ([word, byte].concat(), rest)
            }
            (b'\\', [escaped, rest @ ..]) => ([word, vec![*escaped]].concat(), rest),
            (plain, rest) => ([word, vec![*plain]].concat(), rest),
        };
    }
    word
}
