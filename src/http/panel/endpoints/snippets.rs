//! How a receiver verifies what it gets, ready to be copied: the library part of `docs/verify/`, and a call of it. What runs
//! those files as programs is left out.

use std::sync::LazyLock;

use serde::Serialize;

/// The code for one language.
#[derive(Debug, Serialize)]
pub struct Snippet {
    language: &'static str,
    file: &'static str,
    code: String,
}

/// A file of `docs/verify/`, and how it becomes a snippet.
struct Recipe {
    language: &'static str,
    file: &'static str,
    text: &'static str,
    /// Where running it as a program begins.
    program: &'static str,
    /// What only the program needs, and what the call needs instead.
    changes: &'static [(&'static str, &'static str)],
    /// The call: `WEBHOOK_SECRET` is where the secret is read from.
    call: &'static str,
}

const RECIPES: [Recipe; 4] = [
    Recipe {
        language: "Node",
        file: "verify.mjs",
        text: include_str!("../../../../docs/verify/verify.mjs"),
        program: "\nfunction main(",
        changes: &[
            ("#!/usr/bin/env node\n", ""),
            (
                "// As a library: verify() or verifyPlain(). By hand: verify.mjs [--plain] SECRET HEADERS-FILE BODY-FILE\n",
                "",
            ),
            ("import { readFileSync, realpathSync } from \"node:fs\";\n", ""),
            ("import { fileURLToPath } from \"node:url\";\n", ""),
        ],
        call: r#"
// Where a webhook arrives. `body` is the raw body, a Buffer: nothing may have parsed it yet.
// Express: express.raw({ type: "application/json", limit: "2mb" }) on this route, then request.body.
export function receive(request, body) {
  const id = verify(process.env.WEBHOOK_SECRET, request.headers, body); // throws: answer 401
  return { id, event: JSON.parse(body) }; // answer 2xx at once to an id you know
}
"#,
    },
    Recipe {
        language: "Python",
        file: "verify.py",
        text: include_str!("../../../../docs/verify/verify.py"),
        program: "\ndef main(",
        changes: &[
            ("#!/usr/bin/env python3\n", ""),
            (
                "standard library.\n\nAs a library: verify() or verify_plain(). By hand: verify.py [--plain] SECRET HEADERS-FILE \
                 BODY-FILE\n\"\"\"",
                "standard library.\"\"\"",
            ),
            ("import hmac\nimport re\nimport sys\n", "import hmac\nimport json\nimport os\nimport re\n"),
        ],
        call: r#"
def receive(headers, body: bytes):
    """Where a webhook arrives. `body` is the raw body: request.get_data() in Flask, await request.body() in FastAPI."""
    webhook_id = verify(os.environ["WEBHOOK_SECRET"], headers, body)  # raises Refused: answer 401
    return webhook_id, json.loads(body)  # answer 2xx at once to an id you know
"#,
    },
    Recipe {
        language: "Go",
        file: "verify.go",
        text: include_str!("../../../../docs/verify/verify.go"),
        program: "\nfunc main()",
        changes: &[
            (
                "//\n// As a library: copy the file, give it your package's name and leave main out; Verify or VerifyPlain.\n\
                 // By hand: go run verify.go [-plain] SECRET HEADERS-FILE BODY-FILE\npackage main\n",
                "package webhook\n",
            ),
            ("\t\"fmt\"\n", "\t\"io\"\n"),
        ],
        call: r#"
// Receive is where a webhook arrives.
func Receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20)) // raw: nothing has parsed it yet
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := Verify(os.Getenv("WEBHOOK_SECRET"), r.Header, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	_ = id // answer 2xx at once to one you know; store the body, work later
	w.WriteHeader(http.StatusNoContent)
}
"#,
    },
    Recipe {
        language: "PHP",
        file: "verify.php",
        text: include_str!("../../../../docs/verify/verify.php"),
        program: "\n/** @param list<string> $arguments */\nfunction main(",
        changes: &[(
            "// As a library: verify() or verify_plain(). By hand: php verify.php [--plain] SECRET HEADERS-FILE BODY-FILE\n",
            "",
        )],
        call: r"
// Where a webhook arrives. The body is raw: nothing may have parsed it yet.
function receive(): array
{
    $body = file_get_contents('php://input');
    $headers = array_change_key_case(getallheaders());
    $id = verify((string) getenv('WEBHOOK_SECRET'), $headers, $body); // throws Refused: answer 401
    return [$id, json_decode($body, true)]; // answer 2xx at once to an id you know
}
",
    },
];

/// Every language's.
pub fn all() -> &'static [Snippet] {
    static SNIPPETS: LazyLock<Vec<Snippet>> = LazyLock::new(|| RECIPES.iter().map(Recipe::cook).collect());
    &SNIPPETS
}

impl Recipe {
    fn cook(&self) -> Snippet {
        let library = self.text.split(self.program).next().unwrap_or_default();
        let library = self.changes.iter().fold(library.to_owned(), |text, (old, new)| text.replacen(old, new, 1));
        let code = format!("{}\n{}", library.trim_end(), self.call);
        Snippet { language: self.language, file: self.file, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_fit_the_files_they_are_made_from() {
        for recipe in &RECIPES {
            assert_eq!(recipe.text.matches(recipe.program).count(), 1, "{}", recipe.file);
            for (old, _) in recipe.changes {
                assert_eq!(recipe.text.matches(old).count(), 1, "{}: {old}", recipe.file);
            }
        }
    }

    #[test]
    fn each_checks_the_signature_and_reads_the_secret_from_the_environment() {
        for snippet in all() {
            let code = &snippet.code;
            for part in ["webhook-signature", "webhook-timestamp", "WEBHOOK_SECRET"] {
                assert!(code.contains(part), "{}: {part}", snippet.file);
            }
            assert!(!code.contains("HEADERS-FILE") && !code.contains("main("), "{code}");
        }
    }
}
