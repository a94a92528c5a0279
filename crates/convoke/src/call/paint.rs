//! Lines of text with colours, measured in terminal columns.

/// How a piece looks. Colour never stands alone: words and icons say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// The terminal's own.
    Plain,
    /// Emphasis.
    Strong,
    /// Of less interest.
    Faint,
    /// In the call.
    Good,
    /// Under way.
    Busy,
    /// Wants attention.
    Warn,
    /// Failed.
    Bad,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Without control characters.
    pub text: String,
    /// How it looks.
    pub paint: Paint,
}

/// A line of the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// From left to right.
    pub spans: Vec<Span>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }
    /// With one piece more.
    pub fn with(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.spans.push(Span {
            text: text.into(),
            paint,
        });
        self
    }
    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| width(&span.text)).sum()
    }
    /// What fits into so many columns.
    pub fn cut(self, columns: usize) -> Self {
        let mut room = columns;
        let spans = self.spans.into_iter().map(|span| {
            let text = cut(&span.text, room);
            room = room.saturating_sub(width(&text));
            Span { text, ..span }
        });
        Self {
            spans: spans.collect(),
        }
    }
    /// Its text alone.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// Columns that a text takes: two for East Asian wide characters and pictures, none for marks that combine.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f | 0x20d0..=0x20ff => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text in at most so many columns, its end replaced by … when it does not fit.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += char_width(c);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The text in exactly so many columns, from the left.
pub fn left(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    out.push_str(&" ".repeat(columns.saturating_sub(width(&out))));
    out
}

/// The text in exactly so many columns, from the right.
pub fn right(text: &str, columns: usize) -> String {
    let out = cut(text, columns);
    format!("{}{out}", " ".repeat(columns.saturating_sub(width(&out))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_measured_in_columns() {
        assert_eq!(width("héllo"), 5);
        assert_eq!(width("日本"), 4);
        assert_eq!(cut("Alexander", 6), "Alexa…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(left("日本", 5), "日本 ");
        assert_eq!(right("0:12", 6), "  0:12");
        assert_eq!(cut("x", 0), "");
    }
}
