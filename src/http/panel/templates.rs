//! The templates of the pages, in the binary.

use axum::response::Html;
use minijinja::{Environment, UndefinedBehavior, Value};
use rust_embed::RustEmbed;

use super::view;
use crate::http::problem::Problem;

#[derive(RustEmbed)]
#[folder = "templates/panel/"]
struct Templates;

/// The templates of all pages. `.html` ones escape by themselves; what is not there is an error, not a gap.
pub struct Pages(Environment<'static>);

impl Pages {
    /// Reads the embedded templates.
    pub fn embedded() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Where assets come from disk, a page shows what was just saved.
        environment.set_auto_reload(cfg!(debug_assertions));
        environment.set_loader(|name| {
            let Some(file) = Templates::get(name) else { return Ok(None) };
            let text = String::from_utf8(file.data.into_owned());
            text.map(Some).map_err(|error| {
                minijinja::Error::new(minijinja::ErrorKind::BadSerialization, "not UTF-8").with_source(error)
            })
        });
        environment.add_global("version", env!("CARGO_PKG_VERSION"));
        view::register(&mut environment);
        Self(environment)
    }

    /// A page for somebody who need not be signed in.
    pub fn render(&self, template: &str, context: Value) -> Result<Html<String>, Problem> {
        let render = || self.0.get_template(template)?.render(context);
        render().map(Html).map_err(|error: minijinja::Error| {
            Problem::internal(anyhow::Error::new(error).context(format!("the page {template} cannot be rendered")))
        })
    }
}
