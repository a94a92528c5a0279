//! What makes a baresip a video room: a picture in H.264 that shows a number, and a look at what it decodes.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use testkit::GIVE_UP;

use super::pictures::{HEIGHT, Seen, WIDTH, write_camera};

/// How often a second of the camera is repeated in the file.
const SECONDS: &str = "119";

/// The chunk that ends a PNG, with its checksum (ISO/IEC 15948 §11.2.5).
const END: &[u8] = b"IEND\xae\x42\x60\x82";
/// How often a picture is looked at until it is whole.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Adds pictures to its configuration; its camera is a file.
pub fn add_pictures(dir: &Path, number: u8) -> anyhow::Result<()> {
    let camera = dir.join("camera.y4m");
    write_camera(&camera, number)?;
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-stream_loop", SECONDS, "-i"]);
    command.arg(&camera).args(["-c:v", "libx264"]);
    command.args(["-preset", "ultrafast", "-g", "15"]);
    run(command.arg(dir.join("camera.mp4")))?;
    let path = dir.join("config");
    let config = std::fs::read_to_string(&path)?;
    let camera = dir.join("camera.mp4");
    let camera = camera.display();
    // What it decodes is shown nowhere, but can be asked for.
    let more = format!(
        "video_source avformat,{camera}\nvideo_display fakevideo,nil\nvideo_size {WIDTH}x{HEIGHT}\n\
         video_fps 15\nvideo_bitrate 500000\nvidenc_format yuv420p\n\
         module avcodec.so\nmodule avformat.so\nmodule fakevideo.so\nmodule swscale.so\nmodule snapshot.so\n"
    );
    std::fs::write(&path, config + &more)?;
    Ok(())
}

/// What is in the picture whose name ends a line.
pub fn read_picture(dir: &Path, line: &str) -> anyhow::Result<Seen> {
    let path = dir.join(line.rsplit(' ').next().unwrap_or_default().trim());
    await_whole(&path)?;
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-i"]).arg(&path);
    command.args(["-vf", &format!("scale={WIDTH}:{HEIGHT}")]);
    command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    let picture = run(&mut command)?;
    ensure!(picture.len() == WIDTH * HEIGHT * 3, "no picture in {line}");
    let at = |x: usize, y: usize| {
        let place = (y * WIDTH + x) * 3;
        [picture[place], picture[place + 1], picture[place + 2]]
    };
    // As `numberOf` in web/tools/numbered.mjs reads it.
    let bright = |square: usize| at(40 + 80 * square, 120).map(u16::from).iter().sum::<u16>() > 384;
    let number = (0..4).fold(0, |number, square| number * 2 + u8::from(bright(square)));
    let strong = at(160, 30).map(|one| u8::from(one > 110));
    Ok(Seen {
        number,
        colour: strong[0] + 2 * strong[1] + 4 * strong[2],
    })
}

/// baresip says that it wrote a picture before it closes the file, whose end follows by that.
fn await_whole(path: &Path) -> anyhow::Result<()> {
    for _ in 0..GIVE_UP.as_millis() / LOOK_EVERY.as_millis() {
        if std::fs::read(path)?.ends_with(END) {
            return Ok(());
        }
        thread::park_timeout(LOOK_EVERY);
    }
    bail!("{} has no end", path.display())
}

fn run(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .output()
        .context("ffmpeg is not installed: run `make setup`")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ffmpeg: {words}");
    Ok(output.stdout)
}
