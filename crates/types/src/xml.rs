//! Text within documents of ours.

/// Text as it stands in an element or an attribute; what XML 1.0 may not hold becomes a space.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_xml_is_written_otherwise() {
        let text = "a<b> & \"c\"\u{1}\n\u{ffff}d'";
        assert_eq!(escaped(text), "a&lt;b&gt; &amp; &quot;c&quot;   d'");
    }
}
