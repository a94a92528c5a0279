/** Times and numbers as the person writes them. */
export interface Format {
  /** `10:21` */
  time(at: number): string;
  /** `10:21:05` */
  clock(at: number): string;
  /** `10:21` today, `Thu` within a week, else a date. */
  short(at: number, now: number): string;
  /** `Today`, `Yesterday`, `Thursday 19 November`; with the year when it is another. */
  day(at: number, now: number): string;
  /** Date and time in full. */
  full(at: number): string;
  /** `3:41`, `1:02:03`: for what runs. */
  timer(ms: number): string;
  /** `14 min`, `45 s`, `1 h 20 min`: for what is over. */
  duration(ms: number): string;
  number(n: number): string;
  percent(part: number): string;
  /** `Bob, Carol and Dave` */
  list(names: readonly string[]): string;
}

/** Marks that turn the direction of what follows: in a name they would turn the words around it too. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** A name fit to stand in a sentence. */
export function plain(name: string): string {
  return name.replace(TURNS, '');
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Days between two times in local time, by the calendar. */
export function daysBetween(earlier: number, later: number): number {
  const a = new Date(earlier);
  const b = new Date(later);
  const start = Date.UTC(a.getFullYear(), a.getMonth(), a.getDate());
  const end = Date.UTC(b.getFullYear(), b.getMonth(), b.getDate());
  return Math.round((end - start) / DAY);
}

export function createFormat(language: string): Format {
  const time = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const weekday = new Intl.DateTimeFormat(language, { weekday: 'short' });
  const date = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' });
  const dateYear = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric' });
  const day = new Intl.DateTimeFormat(language, { weekday: 'long', day: 'numeric', month: 'long' });
  const dayYear = new Intl.DateTimeFormat(language, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  });
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'short' });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const number = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  const list = new Intl.ListFormat(language, { style: 'long', type: 'conjunction' });
  const unit = (u: string) => new Intl.NumberFormat(language, { style: 'unit', unit: u, unitDisplay: 'short', maximumFractionDigits: 0 });
  const units = { hour: unit('hour'), minute: unit('minute'), second: unit('second') };
  const capital = (text: string) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);
  const sameYear = (at: number, now: number) => new Date(at).getFullYear() === new Date(now).getFullYear();
  return {
    time: (at) => time.format(at),
    clock: (at) => clock.format(at),
    short(at, now) {
      const days = daysBetween(at, now);
      if (days <= 0) return time.format(at);
      if (days < 7) return weekday.format(at);
      return (sameYear(at, now) ? date : dateYear).format(at);
    },
    day(at, now) {
      const days = daysBetween(at, now);
      if (days === 0 || days === 1) return capital(relative.format(-days, 'day'));
      return (sameYear(at, now) ? day : dayYear).format(at);
    },
    full: (at) => full.format(at),
    timer(ms) {
      const all = Math.max(0, Math.floor(ms / SECOND));
      const s = String(all % 60).padStart(2, '0');
      const m = Math.floor(all / 60) % 60;
      const h = Math.floor(all / 3600);
      return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
    },
    duration(ms) {
      if (ms < MINUTE) return units.second.format(Math.max(0, Math.round(ms / SECOND)));
      const minutes = Math.round(ms / MINUTE);
      if (minutes < 60) return units.minute.format(minutes);
      const hours = units.hour.format(Math.floor(minutes / 60));
      return minutes % 60 === 0 ? hours : `${hours} ${units.minute.format(minutes % 60)}`;
    },
    number: (n) => number.format(n),
    percent: (part) => percent.format(part),
    list: (names) => list.format(names),
  };
}

/** Chooses the word for a number; `#` in it becomes the number. */
export function plurals(language: string) {
  const rules = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (n: number, forms: { one: string; other: string }): string =>
    (rules.select(n) === 'one' ? forms.one : forms.other).replace('#', number.format(n));
}
