//! The terminal: drawn on, and read from.

use std::io::{self, BufWriter, Stdout, Write};

use anyhow::Result;
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{cursor, execute, queue, terminal};
use futures_util::StreamExt;

use super::board::Size;
use super::model::Key;
use super::paint::{Line, Paint};

/// The terminal in raw mode, on a screen of its own; given back when dropped, also by a panic.
pub struct Screen {
    out: BufWriter<Stdout>,
    events: EventStream,
    colours: bool,
}

/// What came from the terminal.
pub enum Typed {
    /// A key.
    Key(Key),
    /// It has another size now.
    Resized,
    /// Nothing that we know.
    Other,
    /// It is gone.
    Gone,
}

impl Screen {
    /// Takes the terminal. The environment variable `NO_COLOR` (no-color.org) is heeded.
    pub fn open() -> Result<Self> {
        terminal::enable_raw_mode()?;
        let mut screen = Self {
            out: BufWriter::new(io::stdout()),
            events: EventStream::new(),
            colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        execute!(screen.out, EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        Size {
            columns: usize::from(columns.max(1)),
            rows: usize::from(rows.max(1)),
        }
    }

    /// Waits for the next thing typed. Cancel-safe.
    pub async fn typed(&mut self) -> Typed {
        match self.events.next().await {
            Some(Ok(Event::Key(event))) => key(event).map_or(Typed::Other, Typed::Key),
            Some(Ok(Event::Resize(..))) => Typed::Resized,
            Some(Ok(_)) => Typed::Other,
            Some(Err(_)) | None => Typed::Gone,
        }
    }

    /// Draws the whole picture.
    pub fn draw(&mut self, lines: &[Line]) -> Result<()> {
        queue!(self.out, BeginSynchronizedUpdate)?;
        for (row, line) in (0_u16..).zip(lines) {
            queue!(
                self.out,
                cursor::MoveTo(0, row),
                Clear(ClearType::CurrentLine)
            )?;
            for span in &line.spans {
                self.paint(span.paint)?;
                queue!(
                    self.out,
                    Print(&span.text),
                    SetAttribute(Attribute::Reset),
                    ResetColor
                )?;
            }
        }
        if let Ok(below) = u16::try_from(lines.len())
            && usize::from(below) < self.size().rows
        {
            queue!(
                self.out,
                cursor::MoveTo(0, below),
                Clear(ClearType::FromCursorDown)
            )?;
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()?;
        Ok(())
    }

    fn paint(&mut self, paint: Paint) -> io::Result<()> {
        let colour = match paint {
            Paint::Plain => return Ok(()),
            Paint::Strong => return queue!(self.out, SetAttribute(Attribute::Bold)),
            Paint::Faint => return queue!(self.out, SetAttribute(Attribute::Dim)),
            Paint::Good => Color::Green,
            Paint::Busy => Color::Cyan,
            Paint::Warn => Color::Yellow,
            Paint::Bad => Color::Red,
        };
        if self.colours {
            queue!(self.out, SetForegroundColor(colour))?;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody left to tell when the terminal is gone.
        let _ = execute!(self.out, LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c' | 'C') if control => Key::Interrupt,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
