//! Text as HTML.

/// A text that shows as it is.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A line in which words between backticks show as code.
pub(super) fn line(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let closed = !text.matches('`').count().is_multiple_of(2);
    let shown = parts.map(|(place, part)| match place.is_multiple_of(2) || closed {
        true => escape(part),
        false => format!("<code>{}</code>", escape(part)),
    });
    shown.collect()
}

/// A description: paragraphs, and lists whose lines begin with `- `.
pub(super) fn text(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        if paragraph.lines().all(|line| line.starts_with("- ")) {
            let items = paragraph.lines().map(|item| format!("<li>{}</li>", line(&item[2..])));
            html.push_str(&format!("<ul>{}</ul>", items.collect::<String>()));
        } else {
            html.push_str(&format!("<p>{}</p>", line(&paragraph.replace('\n', " "))));
        }
    }
    html
}

/// The name of a page, and of a place on one: `Caller IDs` as `caller-ids`.
pub(super) fn slug(text: &str) -> String {
    text.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_show_as_they_are_meant() {
        assert_eq!(
            text("As `a < b`.\n\n- `x`: one\n- two"),
            "<p>As <code>a &lt; b</code>.</p><ul><li><code>x</code>: one</li><li>two</li></ul>"
        );
        assert_eq!(line("a ` alone"), "a ` alone".replace('`', ""));
        assert_eq!(slug("Caller IDs"), "caller-ids");
    }
}
