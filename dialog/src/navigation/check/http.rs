//! Checks of the systems that a navigation calls: `http` nodes, and the providers that robots and nodes name.

use super::{BUILT_IN, Check};
use crate::llm::Method;
use crate::navigation::{HTTP_MS, NodeKind, PATH_CHARS_MAX, POINTER_CHARS_MAX, SAVED_MAX};
use crate::robot::Need;
use crate::variables;

impl Check<'_> {
    /// An `http` node; of others nothing.
    pub(super) fn http(&mut self, pointer: &str, node: &NodeKind) {
        let NodeKind::Http { provider, method, path, body, save, timeout_ms, .. } = node else {
            return;
        };
        self.provider(format!("{pointer}/provider"), Need::Call, provider);
        let chars = path.chars().count();
        let fits = |c: char| !c.is_control() && c != '#';
        if !path.starts_with('/')
            || path.contains("..")
            || !path.chars().all(fits)
            || chars > PATH_CHARS_MAX
        {
            let detail = format!(
                "must begin with `/`, have no `..`, no `#` and at most {PATH_CHARS_MAX} characters"
            );
            self.problem(format!("{pointer}/path"), "not_a_path", detail);
        }
        if let Some(body) = body {
            self.text(format!("{pointer}/body"), body);
            if *method == Method::Get {
                let detail = "`get` sends no body; take it out, or use `post` or `put`";
                self.problem(format!("{pointer}/body"), "not_sent", detail);
            }
        }
        if save.len() > SAVED_MAX {
            self.problem(format!("{pointer}/save"), "count", format!("at most {SAVED_MAX}"));
        }
        for (name, place) in save {
            let at = format!("{pointer}/save/{name}");
            if !variables::is_name(name) || BUILT_IN.contains(&name.as_str()) {
                self.problem(at, "not_a_name", "can't be set");
            } else if !is_pointer(place) {
                let detail = format!(
                    "must be a JSON pointer as `/customer/name`, of at most {POINTER_CHARS_MAX} characters"
                );
                self.problem(at, "not_a_pointer", detail);
            }
        }
        self.range(pointer, "timeout_ms", *timeout_ms, *HTTP_MS.start(), *HTTP_MS.end());
    }

    /// A provider that is named is there, and is of the kind that is needed.
    pub(super) fn provider(&mut self, pointer: String, need: Need, name: &str) {
        let kind = word(need);
        match self.has.providers.get(name) {
            None => {
                let detail = format!("the enterprise has no provider `{name}` (of kind `{kind}`)");
                self.problem(pointer, "unknown_provider", detail);
            }
            Some(other) if *other != need => {
                let detail = format!(
                    "the provider `{name}` is of kind `{}`, and one of kind `{kind}` is needed",
                    word(*other)
                );
                self.problem(pointer, "wrong_provider", detail);
            }
            Some(_) => {}
        }
    }
}

/// The word for a kind of provider, as the API has it.
fn word(need: Need) -> &'static str {
    match need {
        Need::Hear => "recogniser",
        Need::Speak => "synthesiser",
        Need::Think => "agent",
        Need::Call => "system",
    }
}

/// RFC 6901: empty, or parts that begin with `/`, in which `~` only stands before `0` or `1`.
fn is_pointer(place: &str) -> bool {
    let escapes = || place.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (place.is_empty() || place.starts_with('/'))
        && place.chars().count() <= POINTER_CHARS_MAX
        && escapes()
}
