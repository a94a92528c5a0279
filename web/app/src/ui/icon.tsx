import type { ReactNode } from 'react';

/** The drawings, on a grid of 24; strokes and sizes come from `base.css`. */
const drawings = {
  ban: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M7.5 12h9" />
    </>
  ),
  bell: <path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15zM10 21h4" />,
  board: (
    <>
      <rect x="3.5" y="4.5" width="17" height="15" rx="2" />
      <path d="M14 4.5v15M17 8.5h.5M17 12h.5" />
    </>
  ),
  book: (
    <>
      <path d="M6 4h13v16H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM4 8h2M4 12h2M4 16h2" />
      <circle cx="12.5" cy="10" r="2" />
      <path d="M9.2 16a3.4 3.4 0 0 1 6.6 0" />
    </>
  ),
  cam: (
    <>
      <rect x="3" y="6.5" width="12.5" height="11" rx="2" />
      <path d="M15.5 11l5-3v8l-5-3z" />
    </>
  ),
  camoff: <path d="M8.5 6.5h5a2 2 0 0 1 2 2v3l5-3.5v8M15.5 15.5a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 1.2-1.8M4 4l16 16" />,
  car: <path d="M7 10l5 5 5-5" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7.5V12l3 2" />
    </>
  ),
  cloudoff: <path d="M7.5 18H7a4 4 0 0 1-.8-7.9A6 6 0 0 1 9 6.5M12 5.5a6 6 0 0 1 5.7 4.6A4 4 0 0 1 20 16.5M4 4l16 16" />,
  crown: <path d="M4 17.5L3 8l5 3.5L12 5l4 6.5L21 8l-1 9.5z" />,
  desk: (
    <>
      <path d="M4 9.5C4 6 7.5 4 12 4s8 2 8 5.5v1h-4.5V8.8a10 10 0 0 0-7 0v1.7H4zM6.5 12.5L5 20h14l-1.5-7.5" />
      <circle cx="12" cy="15.5" r="2" />
    </>
  ),
  dock: (
    <>
      <rect x="3.5" y="4.5" width="17" height="15" rx="2" />
      <path d="M14 4.5v15" />
      <rect x="14" y="4.5" width="6.5" height="15" fill="currentColor" stroke="none" opacity=".35" />
    </>
  ),
  find: (
    <>
      <circle cx="11" cy="11" r="6.5" />
      <path d="M16 16l4.5 4.5" />
    </>
  ),
  gear: (
    <>
      <path d="M4 7h8m5 0h3M4 17h3m5 0h8" />
      <circle cx="14.5" cy="7" r="2.5" />
      <circle cx="9.5" cy="17" r="2.5" />
    </>
  ),
  grip: <path d="M9 6v.2M15 6v.2M9 12v.2M15 12v.2M9 18v.2M15 18v.2" />,
  hand: (
    <path d="M8 12.5V6.5a1.5 1.5 0 0 1 3 0V11 5a1.5 1.5 0 0 1 3 0v6-4a1.5 1.5 0 0 1 3 0v7c0 4-2.2 6.5-5.6 6.5-2.5 0-4-1.1-5.3-3.3L4 13.6a1.5 1.5 0 0 1 2.5-1.6L8 13.8z" />
  ),
  hang: (
    <path d="M2.4 15.3c-.3-1.7.1-3 1.1-3.9 4.7-4.2 12.3-4.2 17 0 1 .9 1.4 2.2 1.1 3.9a1.1 1.1 0 0 1-1.3.9l-3.3-.7a1.1 1.1 0 0 1-.9-1.1v-2.3a11.6 11.6 0 0 0-8.2 0v2.3a1.1 1.1 0 0 1-.9 1.1l-3.3.7a1.1 1.1 0 0 1-1.3-.9z" />
  ),
  home: <path d="M4 11.5L12 4.5l8 7M6.5 10v9.5h11V10" />,
  key1: (
    <>
      <rect x="4" y="4" width="16" height="16" rx="3" />
      <path d="M10 9.5l2.5-1.5v8" />
    </>
  ),
  keyboard: (
    <>
      <rect x="2.5" y="6" width="19" height="12" rx="2" />
      <path d="M6 10h.2M9 10h.2M12 10h.2M15 10h.2M18 10h.2M8 14h8" />
    </>
  ),
  down: <path d="M12 5v14M6 13l6 6 6-6" />,
  enlarge: <path d="M14 4.5h5.5V10M19.5 4.5l-6 6M10 19.5H4.5V14M4.5 19.5l6-6" />,
  eye: (
    <>
      <path d="M2.5 12C5 7.5 8.2 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12z" />
      <circle cx="12" cy="12" r="3" />
    </>
  ),
  eyeoff: (
    <path d="M9 6.1a9 9 0 0 1 3-.6c3.8 0 7 2 9.5 6.5a15 15 0 0 1-2.4 3.3M6.3 7.6A14 14 0 0 0 2.5 12c2.5 4.5 5.7 6.5 9.5 6.5a9 9 0 0 0 4.5-1.2M10 10a3 3 0 0 0 4.1 4.1M4 4l16 16" />
  ),
  left: <path d="M14.5 5.5L8 12l6.5 6.5" />,
  link: <path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1" />,
  right: <path d="M9.5 5.5L16 12l-6.5 6.5" />,
  lock: (
    <>
      <rect x="5" y="11" width="14" height="9.5" rx="2" />
      <path d="M8 11V7.5a4 4 0 0 1 8 0V11" />
    </>
  ),
  mic: (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
    </>
  ),
  micoff: (
    <path d="M15 9.5V6a3 3 0 0 0-5.7-1.3M9 9v2a3 3 0 0 0 4.5 2.6M5.5 11.5a6.5 6.5 0 0 0 10 5.5m2.5-3a6.5 6.5 0 0 0 .5-2.5M12 18v3M4 4l16 16" />
  ),
  missed: (
    <>
      <path d="M2.8 17.7c0-.9.3-1.6.9-2.1 4.7-3.9 11.9-3.9 16.6 0 .6.5.9 1.2.9 2.1v.7a1 1 0 0 1-1.2 1l-3.2-.7a1 1 0 0 1-.8-1v-1.3a12.4 12.4 0 0 0-8 0v1.3a1 1 0 0 1-.8 1l-3.2.7a1 1 0 0 1-1.2-1z" />
      <path d="M7 4.5l5 5 5-5M7 8.5v-4h4" />
    </>
  ),
  mob: (
    <>
      <rect x="7" y="3" width="10" height="18" rx="2.5" />
      <path d="M11 17.8h2" />
    </>
  ),
  moon: <path d="M19.5 14A8 8 0 0 1 10 4.5a8 8 0 1 0 9.5 9.5z" />,
  more: (
    <>
      <g fill="currentColor" stroke="none">
        <circle cx="5.5" cy="12" r="1.7" />
        <circle cx="12" cy="12" r="1.7" />
        <circle cx="18.5" cy="12" r="1.7" />
      </g>
    </>
  ),
  ok: <path d="M5 12.5l4.5 4.5L19 7.5" />,
  oks: <path d="M2.5 12.5L7 17l9.5-9.5M12.5 16.5l.5.5L22.5 7.5" />,
  out: (
    <>
      <path d="M6.4 4h2.9l1.6 4.1-2.1 1.6a10.6 10.6 0 0 0 5.5 5.5l1.6-2.1 4.1 1.6v2.9A1.9 1.9 0 0 1 18 19.5C11 19.1 4.9 13 4.5 6A1.9 1.9 0 0 1 6.4 4z" />
      <path d="M15 9l5-5m-4 0h4v4" />
    </>
  ),
  pad: (
    <>
      <g fill="currentColor" stroke="none">
        <circle cx="6" cy="5.5" r="1.6" />
        <circle cx="12" cy="5.5" r="1.6" />
        <circle cx="18" cy="5.5" r="1.6" />
        <circle cx="6" cy="12" r="1.6" />
        <circle cx="12" cy="12" r="1.6" />
        <circle cx="18" cy="12" r="1.6" />
        <circle cx="6" cy="18.5" r="1.6" />
        <circle cx="12" cy="18.5" r="1.6" />
        <circle cx="18" cy="18.5" r="1.6" />
      </g>
    </>
  ),
  pause: <path d="M9 6v12M15 6v12" />,
  pen: <path d="M5 19l1-4L16.5 4.5l3 3L9 18zM14 7l3 3" />,
  phone: (
    <path d="M6.4 4h2.9l1.6 4.1-2.1 1.6a10.6 10.6 0 0 0 5.5 5.5l1.6-2.1 4.1 1.6v2.9A1.9 1.9 0 0 1 18 19.5C11 19.1 4.9 13 4.5 6A1.9 1.9 0 0 1 6.4 4z" />
  ),
  pin: <path d="M9 4h6l-.8 6 3.3 3.5v1.5h-11V13.5L9.8 10zM12 15v5.5" />,
  pinned: <path d="M9 4h6l-.8 6 3.3 3.5v1.5h-11V13.5L9.8 10zM12 15v5.5" fill="currentColor" />,
  plus: <path d="M12 5v14M5 12h14" />,
  pop: <path d="M13 4h7v7M20 4l-8.5 8.5M9 5H6a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-3" />,
  reduce: <path d="M19.5 10H14V4.5M14 10l6-6M4.5 14H10v5.5M10 14l-6 6" />,
  screen: (
    <>
      <rect x="3" y="4.5" width="18" height="12.5" rx="2" />
      <path d="M8.5 20.5h7M12 14V8M9.2 10.5L12 7.7l2.8 2.8" />
    </>
  ),
  send: <path d="M12 19.5V5M6 11l6-6 6 6" />,
  shield: <path d="M12 3.5l7.5 2.7v5.3c0 4.5-3 7.5-7.5 9-4.5-1.5-7.5-4.5-7.5-9V6.2z" />,
  shrink: <path d="M5 18.5h14" />,
  signout: <path d="M14 4.5H6v15h8M10 12h10m-3.5-3.5L20 12l-3.5 3.5" />,
  speaker: (
    <>
      <rect x="3.5" y="4.5" width="17" height="10" rx="1.5" />
      <path d="M4 19h4M10 19h4M16 19h4" />
    </>
  ),
  star: <path d="M12 4l2.4 5 5.6.7-4.1 3.8 1.1 5.5-5-2.8-5 2.8 1.1-5.5L4 9.7 9.6 9z" />,
  starred: <path d="M12 4l2.4 5 5.6.7-4.1 3.8 1.1 5.5-5-2.8-5 2.8 1.1-5.5L4 9.7 9.6 9z" fill="currentColor" />,
  sun: (
    <>
      <circle cx="12" cy="12" r="3.8" />
      <path d="M12 3.5v2M12 18.5v2M3.5 12h2M18.5 12h2M6 6l1.4 1.4M16.6 16.6L18 18M18 6l-1.4 1.4M7.4 16.6L6 18" />
    </>
  ),
  system: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 3.5v17a8.5 8.5 0 0 0 0-17z" fill="currentColor" stroke="none" />
    </>
  ),
  tiles: (
    <>
      <rect x="3.5" y="4.5" width="7.5" height="6.5" rx="1.5" />
      <rect x="13" y="4.5" width="7.5" height="6.5" rx="1.5" />
      <rect x="3.5" y="13" width="7.5" height="6.5" rx="1.5" />
      <rect x="13" y="13" width="7.5" height="6.5" rx="1.5" />
    </>
  ),
  text: <path d="M4 5.5h16v11h-9l-4 3.5v-3.5H4z" />,
  trash: <path d="M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v5.5M13.5 10.5v5.5" />,
  unlock: (
    <>
      <rect x="5" y="11" width="14" height="9.5" rx="2" />
      <path d="M8 11V7.5a4 4 0 0 1 7.6-1.7" />
    </>
  ),
  up: <path d="M7 14l5-5 5 5" />,
  user: (
    <>
      <circle cx="12" cy="8.5" r="3.5" />
      <path d="M5 19.5a7 7 0 0 1 14 0" />
    </>
  ),
  users: (
    <>
      <circle cx="9" cy="8.5" r="3.5" />
      <path d="M2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 5.3a3.5 3.5 0 0 1 0 6.4M17.5 14a6.5 6.5 0 0 1 4 5.5" />
    </>
  ),
  vol: <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11" />,
  warn: <path d="M12 4.5l8.5 15h-17zM12 10v4.5M12 17v.2" />,
  wave: <path d="M4 10.5v3M8 7v10M12 4.5v15M16 8v8M20 10.5v3" />,
  web: (
    <>
      <rect x="3" y="4.5" width="18" height="12.5" rx="2" />
      <path d="M8.5 20.5h7" />
    </>
  ),
  x: <path d="M6 6l12 12M18 6L6 18" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof drawings;

interface IconProps {
  name: IconName;
  /** s 12 px beside small words, m 16 px, l 20 px. */
  size?: 's' | 'm' | 'l';
}

/** A picture that says nothing by itself: the word beside it, or its button's name, does. */
export function Icon({ name, size = 'm' }: IconProps) {
  return (
    <svg className={size === 'm' ? 'i' : `i ${size}`} viewBox="0 0 24 24" aria-hidden="true">
      {drawings[name]}
    </svg>
  );
}
