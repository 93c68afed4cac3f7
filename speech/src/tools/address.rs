//! The address of a call to a system, from what a person wrote and what customers and models fill in.
//!
//! A value is one piece of a path segment or of a query: it can't begin another segment, a query or a fragment, can't go up
//! with `..`, and can't name another host.

use std::collections::BTreeMap;

use dialog::variables::is_name;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::failure::SpeechError;

/// All but the letters, digits and marks that need no encoding (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The path, and the query where it has one, with encoded values in it: `{{name}}` is a variable (none: empty), and `{name}` one
/// of the parameters, where it is among them. A value that a path needs must not be empty: without it the path
/// would mean something else.
pub fn filled(
    template: &str,
    variables: &BTreeMap<String, String>,
    parameters: &BTreeMap<&str, String>,
) -> Result<String, SpeechError> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let variable = between(rest, "{{", "}}").filter(|name| is_name(name.trim()));
        let parameter = between(rest, "{", "}");
        let (value, length) = match (variable, parameter.and_then(|name| parameters.get(name))) {
            (Some(name), _) => {
                (variables.get(name.trim()).map_or("", String::as_str), name.len() + 4)
            }
            (None, Some(value)) => (value.as_str(), parameter.map_or(0, str::len) + 2),
            (None, None) => {
                filled.push_str("%7B");
                rest = &rest[1..];
                continue;
            }
        };
        if value.is_empty() && !filled.contains('?') {
            return Err(SpeechError::Failed("a value of its path is empty".to_owned()));
        }
        filled.extend(utf8_percent_encode(value, ENCODED));
        rest = &rest[length..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Which of these parameters a path takes.
pub fn takes(template: &str, parameter: &str) -> bool {
    template.contains(&format!("{{{parameter}}}"))
}

/// More values for the query.
pub fn add_query<'a>(path: &mut String, values: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in values {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.extend(utf8_percent_encode(name, ENCODED));
        path.push('=');
        path.extend(utf8_percent_encode(value, ENCODED));
    }
}

/// The whole address; refused where it does not lie below the system's own.
pub fn below(system: &str, path: &str) -> Result<Url, SpeechError> {
    let out = || SpeechError::NotAllowed("it leads out of the system's address".to_owned());
    let before_query = path.split('?').next().unwrap_or_default();
    let goes_up = |segment: &str| {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        segment == "." || segment == ".."
    };
    if !path.starts_with('/')
        || path.contains(['#', '\\'])
        || path.contains(char::is_control)
        || before_query.split('/').any(goes_up)
    {
        return Err(out());
    }
    let system = system.trim_end_matches('/');
    let parsed = |text: &str| Url::parse(text).map_err(|_| out());
    let (base, whole) = (parsed(system)?, parsed(&format!("{system}{path}"))?);
    let root = format!("{}/", base.path().trim_end_matches('/'));
    let inside = base.origin() == whole.origin() && whole.path().starts_with(&root);
    inside.then_some(whole).ok_or_else(out)
}

/// What stands between these marks, where the text begins with the first.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.strip_prefix(open)?.split_once(close).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM: &str = "https://crm.example.com:8443/api";

    fn fill(template: &str, value: &str) -> Result<String, SpeechError> {
        let variables = [("who".to_owned(), value.to_owned())].into();
        filled(template, &variables, &[("n", value.to_owned())].into())
    }

    #[test]
    fn values_are_encoded_in_their_places() {
        for (template, value, path) in [
            ("/orders/{n}", "A-1", "/orders/A-1"),
            ("/orders/{n}/of/{{who}}", "a b", "/orders/a%20b/of/a%20b"),
            ("/orders/{n}", "a/b?c=d&e#f%\\", "/orders/a%2Fb%3Fc%3Dd%26e%23f%25%5C"),
            (
                "/find?by={{ who }}&n={n}",
                "电 &x=1",
                "/find?by=%E7%94%B5%20%26x%3D1&n=%E7%94%B5%20%26x%3D1",
            ),
            ("/find?by={{who}}", "", "/find?by="),
            ("/find?by={{gone}}", "x", "/find?by="),
            ("/a/{other}/{{1st}}", "x", "/a/%7Bother}/%7B%7B1st}}"),
            ("/a/{n}{{who}}", "{n}", "/a/%7Bn%7D%7Bn%7D"),
        ] {
            assert_eq!(fill(template, value).unwrap(), path, "{template} {value}");
        }
        assert!(fill("/orders/{n}", "").is_err());
        assert!(fill("/orders/{{gone}}/lines", "x").is_err());
        assert!(takes("/orders/{n}", "n") && !takes("/orders/{n}", "number"));
        let mut path = "/find".to_owned();
        add_query(&mut path, [("a", "1&2"), ("b c", "x")].into_iter());
        assert_eq!(path, "/find?a=1%262&b%20c=x");
    }

    #[test]
    fn an_address_stays_below_the_systems() {
        let whole = |path: &str| below(SYSTEM, path).map(|url| url.to_string());
        assert_eq!(whole("/orders/1?x=..").unwrap(), format!("{SYSTEM}/orders/1?x=.."));
        assert_eq!(below("http://crm/", "/a").unwrap().as_str(), "http://crm/a");
        for path in [
            "orders",
            "",
            "/../admin",
            "/orders/..",
            "/orders/%2e%2E/x",
            "/orders/.%2e",
            "/./x",
            "/a\\..\\..\\b",
            "/.\t./b",
            "/a#b",
            "@other.example.com/",
            ".other.example.com/",
        ] {
            let refused = whole(path);
            assert!(matches!(refused, Err(SpeechError::NotAllowed(_))), "{path}: {refused:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_leads_out_of_its_segment(value in "[./\\\\%2eE?#@:a {}\t\n电]{1,12}") {
            for template in ["/orders/{n}/lines", "/orders/{{who}}/lines"] {
                let path = fill(template, &value).unwrap();
                let Ok(url) = below(SYSTEM, &path) else { continue };
                let segments: Vec<&str> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 4, "{}", url);
                prop_assert_eq!(&[segments[0], segments[1], segments[3]], &["api", "orders", "lines"]);
                prop_assert!(url.query().is_none() && url.fragment().is_none(), "{}", url);
                prop_assert_eq!(percent_decode_str(segments[2]).decode_utf8().unwrap(), value.as_str());
                prop_assert_eq!(url.host_str(), Some("crm.example.com"));
            }
        }
    }
}
