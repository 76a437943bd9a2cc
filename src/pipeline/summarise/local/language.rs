//! Tells which language a call is in, and which word lists serve it.

use crate::domain::transcript::Transcript;

use super::lexicon::Lexicon;
use super::numbers::real;
use crate::domain::tokens::{Token, tokenize};

/// The code of a language that cannot be told.
const UNDETERMINED: &str = "und";
/// Enough text to be sure; more would only cost time.
const SAMPLE_CHARS: usize = 12_000;
/// The share of a language's commonest words in any sentence of it.
const TELLING_SHARE: f64 = 0.3;

/// ISO 639-3 codes of the detector and their two-letter forms.
const TWO_LETTERS: [(&str, &str); 70] = [
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
];

/// Which word lists serve a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tongue {
    /// English lists.
    English,
    /// Spanish lists.
    Spanish,
    /// None: only what repeats can be told from what does not.
    Other,
}

/// Detects the language spoken: its ISO 639-1 code, and the word lists to use.
pub(super) fn detect(transcript: &Transcript, english: &Lexicon, spanish: &Lexicon) -> (&'static str, Tongue) {
    let sample = sample(transcript);
    let tokens = tokenize(&sample);
    let guess = whatlang::detect(&sample);
    let sure = guess.filter(whatlang::Info::is_reliable).and_then(|info| two_letters(info.lang().code()));
    let (in_english, in_spanish) = (share(&tokens, english), share(&tokens, spanish));
    // Short answers mislead the detector, which always finds some language; common words are a second witness.
    let by_words = if in_english.max(in_spanish) < TELLING_SHARE || (in_english - in_spanish).abs() < f64::EPSILON {
        None
    } else if in_english > in_spanish {
        Some("en")
    } else {
        Some("es")
    };
    let code = if tokens.len() < 25 { by_words.or(sure) } else { sure.or(by_words) };
    match code {
        Some("en") => ("en", Tongue::English),
        Some("es") => ("es", Tongue::Spanish),
        Some(other) => (other, Tongue::Other),
        None => (UNDETERMINED, Tongue::Other),
    }
}

/// Text from the whole call, since greetings may be in another language than the conversation.
fn sample(transcript: &Transcript) -> String {
    let stride = transcript.turns.len() / 200 + 1;
    let per_turn = SAMPLE_CHARS / (transcript.turns.len() / stride + 1);
    let mut sample = String::new();
    for turn in transcript.turns.iter().step_by(stride) {
        for letter in turn.sentences.iter().flat_map(|sentence| sentence.chars().chain([' '])).take(per_turn.max(60)) {
            sample.push(if letter.is_control() { ' ' } else { letter });
        }
    }
    sample
}

fn share(tokens: &[Token], lexicon: &Lexicon) -> f64 {
    let common = tokens.iter().filter(|token| lexicon.is_common(&token.word)).count();
    real(common) / real(tokens.len().max(1))
}

fn two_letters(code: &str) -> Option<&'static str> {
    TWO_LETTERS.iter().find(|(three, _)| *three == code).map(|(_, two)| *two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{call::Side, transcript::Turn};

    fn detected(sentence: &str) -> &'static str {
        let turn =
            Turn { speaker: "A".to_owned(), side: Side::Unknown, start_ms: 0, sentences: vec![sentence.to_owned()] };
        detect(&Transcript { turns: vec![turn] }, &Lexicon::english(), &Lexicon::spanish()).0
    }

    #[test]
    fn every_language_of_the_detector_has_a_two_letter_code() {
        for language in whatlang::Lang::all() {
            assert!(two_letters(language.code()).is_some(), "{}", language.code());
        }
    }

    #[test]
    fn english_and_spanish_are_told_from_a_few_words() {
        assert_eq!(detected("Yes, we would like to renew it."), "en");
        assert_eq!(detected("Sí, queremos renovar el contrato."), "es");
    }

    #[test]
    fn other_languages_are_named() {
        assert_eq!(detected("私たちは来月に契約を更新したいと思っています。価格について相談させてください。"), "ja");
        assert_eq!(
            detected("Wir möchten den Vertrag im nächsten Monat verlängern, aber der Preis ist uns noch zu hoch."),
            "de"
        );
    }

    #[test]
    fn what_cannot_be_told_is_undetermined() {
        assert_eq!(detected(""), "und");
        assert_eq!(detected("12 34 !!"), "und");
    }
}
