// Cameras that show a number, and what tells the number from a picture that arrived: four squares in a row, white for a one, on a field whose red,
// green and blue are the number's bits, from the lowest; a bar at the bottom moves. The same as write_camera in tests/harness/peers/pictures.rs.

const WIDTH = 320;
const HEIGHT = 240;
const RATE = 15;

/** A second of such a camera (of 1 to 7), in the form that Chromium takes as a camera: YUV4MPEG2. */
export function camera(number) {
  const parts = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${RATE}:1 Ip A1:1 C420jpeg\n`)];
  const field = yuv([1, 2, 4].map((bit) => (number & bit ? 190 : 40)));
  const [white, black] = [yuv([255, 255, 255]), yuv([0, 0, 0])];
  for (let frame = 0; frame < RATE; frame += 1) {
    const bar = Math.floor((frame * WIDTH) / RATE);
    const colour = (x, y) => {
      const square = Math.floor(x / 80);
      if (y >= 70 && y < 170 && x % 80 >= 10 && x % 80 < 70) return number & (8 >> square) ? white : black;
      return y >= 220 && x >= bar && x < bar + 20 ? white : field;
    };
    parts.push(
      Buffer.from('FRAME\n'),
      plane(1, (x, y) => colour(x, y)[0]),
    );
    for (const part of [1, 2]) parts.push(plane(2, (x, y) => colour(x, y)[part]));
  }
  return Buffer.concat(parts);
}

function plane(step, value) {
  const bytes = Buffer.alloc((WIDTH / step) * (HEIGHT / step));
  let at = 0;
  for (let y = 0; y < HEIGHT; y += step) for (let x = 0; x < WIDTH; x += step) bytes[at++] = value(x, y);
  return bytes;
}

/** ITU-R BT.601 with the full range, as JPEG has it. */
function yuv([red, green, blue]) {
  const byte = (value) => Math.min(255, Math.max(0, Math.round(value)));
  return [
    byte(0.299 * red + 0.587 * green + 0.114 * blue),
    byte(128 - 0.168736 * red - 0.331264 * green + 0.5 * blue),
    byte(128 + 0.5 * red - 0.418688 * green - 0.081312 * blue),
  ];
}

/**
 * Goes into a page as text, so it uses nothing from here: the number that a video shows, and the number of its field's colour; they are the same in
 * a picture of such a camera.
 */
export function numberOf(video) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const ink = canvas.getContext('2d');
  if (!ink) throw new Error('no canvas');
  ink.drawImage(video, 0, 0, 320, 240);
  const at = (x, y) => ink.getImageData(x, y, 1, 1).data;
  let number = 0;
  for (let square = 0; square < 4; square += 1) {
    const [red = 0, green = 0, blue = 0] = at(40 + 80 * square, 120);
    number = number * 2 + (red + green + blue > 384 ? 1 : 0);
  }
  // A field of one of eight colours, told by which of red, green and blue are strong.
  const [red = 0, green = 0, blue = 0] = at(160, 30);
  const colour = (red > 110 ? 1 : 0) + (green > 110 ? 2 : 0) + (blue > 110 ? 4 : 0);
  return { number, colour };
}
