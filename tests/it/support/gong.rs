//! Plays Gong: a key, signed tokens, bodies.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One key for all tests: making one takes a tenth of a second.
static KEY: LazyLock<Gong> = LazyLock::new(Gong::generate);

/// A sender with an RSA key.
#[derive(Clone)]
pub struct Gong {
    /// As the rule shows it: one line of base64.
    pub bare_key: String,
    private_key: EncodingKey,
}

/// What stands in a token; each part can be wrong.
pub struct Signing<'a> {
    pub url: &'a str,
    pub body: &'a [u8],
    pub exp: i64,
}

impl Gong {
    pub fn shared() -> Self {
        KEY.clone()
    }

    pub fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("encodes");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encodes");
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(private.as_ref()));
        Self {
            bare_key: STANDARD.encode(public.as_ref()),
            private_key: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a private key"),
        }
    }

    pub fn pem(&self) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", self.bare_key)
    }

    pub fn token(&self, signing: &Signing<'_>) -> String {
        let claims = json!({
            "webhook_url": signing.url, "body_sha256": hex::encode(Sha256::digest(signing.body)), "exp": signing.exp,
        });
        self.token_of(&Header::new(Algorithm::RS256), &claims)
    }

    /// Signs whatever is to stand for the header and the claims.
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private_key, Algorithm::RS256);
        format!("{signed}.{}", signature.expect("signs"))
    }

    pub fn token_of(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private_key).expect("signs")
    }
}

/// A callback for a call with an external party and a CRM account.
pub fn callback(call_id: &str) -> Value {
    json!({
        "callData": {
            "metaData": {
                "id": call_id, "url": format!("https://zz-1.app.gong.example/call?id={call_id}"),
                "title": "Halden Freight: renewal", "started": "2031-05-06T09:30:00.250+02:00", "duration": 612,
                "isPrivate": false, "workspaceId": "2718",
            },
            "context": [{"system": "Salesforce", "objects": [{"objectType": "Account", "objectId": "001",
                "fields": [{"name": "Name", "value": "Halden Freight"}, {"name": "AccountNumber", "value": "HF-1"}]}]}],
            "parties": [
                {"id": "11", "speakerId": "901", "userId": "77", "name": "Dana Reyes", "affiliation": "Internal",
                 "emailAddress": "dana@brindlemoor.example", "methods": ["Attendee"]},
                {"id": "12", "speakerId": "902", "name": "Ingrid Vale", "affiliation": "External",
                 "emailAddress": "ingrid@halden.example", "phoneNumber": "+1 415 555 0134"},
            ],
        },
        "isPrivate": false, "isTest": false,
    })
}

/// The transcript of that call, as a whole response of Gong's API.
pub fn transcript(call_id: &str) -> Value {
    let said = |speaker: &str, start: u64, sentences: &[&str]| {
        let sentences: Vec<Value> = sentences
            .iter()
            .zip(0u64..)
            .map(|(text, index)| json!({"start": start + index * 3000, "end": start + index * 3000 + 2900, "text": text}))
            .collect();
        json!({"speakerId": speaker, "topic": null, "sentences": sentences})
    };
    json!({"requestId": "q9", "records": {"totalRecords": 1, "currentPageSize": 1, "currentPageNumber": 0},
    "callTranscripts": [{"callId": call_id, "transcript": [
        said("901", 1200, &["Good morning Ingrid, thanks for making the time.", "Let's talk about the renewal of your contract."]),
        said("902", 9000, &["Well, the export failed twice last quarter and it cost us about eleven thousand dollars.",
            "We have a competing offer at 31 dollars per seat, so we may leave at the end of June."]),
        said("901", 20000, &["I understand, and I am sorry about the outages.",
            "I will send you the written root cause report by Wednesday.", "I will also send the revised quote on Friday."]),
        said("902", 32000, &["Good, then we decide on June third."]),
    ]}]})
}
