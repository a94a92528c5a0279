import type { Board, Composer, Person } from '../model.ts';
import type { Layout } from '../pictures/tiles.ts';
import { createStore, type Writable } from '../store.ts';

/** What the middle shows. */
export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'chat'; readonly user: string }
  | { readonly page: 'settings' }
  | { readonly page: 'telephones' }
  | { readonly page: 'modes' };

/** On a narrow screen one of three is seen. */
export type Pane = 'list' | 'main' | 'board';

/** How the board stands: beside the chat, as a bar, or in a window of its own. */
export type BoardPlace = 'docked' | 'shrunk' | 'popped';

/** Pictures stand on the board, or large: in the middle above the chat, or in the place of the board's list where there is no room beside it. */
export type StagePlace = 'board' | 'large';

export type ThemeChoice = 'system' | 'light' | 'dark';

/** A number is asked for; what is typed goes to whoever asked. */
export interface AskedNumber {
  readonly person?: Person;
  /** Asked by the board: in its own window if it has one. */
  readonly board?: true;
  readonly give: (number: string) => void;
}

/** It is asked what becomes of the call that I leave. */
export interface Leaving {
  readonly board: Board;
  /** What I leave it for. */
  readonly go?: () => void;
  /** Asked in the board's own window if it has one. */
  readonly inBoard: boolean;
}

export interface WindowState {
  readonly route: Route;
  readonly pane: Pane;
  readonly board: BoardPlace;
  readonly stage: StagePlace;
  /** Everybody of the same size, or one large. */
  readonly layout: Layout;
  /** The board's column is wanted also without a call. */
  readonly column: boolean;
  readonly palette: boolean;
  readonly help: boolean;
  readonly book: { readonly pick?: (people: readonly Person[]) => void } | undefined;
  readonly number: AskedNumber | undefined;
  readonly leaving: Leaving | undefined;
  /** The conference of a link, where it is over. */
  readonly over: string | undefined;
  /** The list of whom to call next that waits behind the running board; any other one stands before it. */
  readonly behind: Composer | undefined;
  readonly theme: ThemeChoice;
}

const THEME_KEY = 'convoke.theme';
const COLUMN_KEY = 'convoke.column';
const STAGE_KEY = 'convoke.stage';
const LAYOUT_KEY = 'convoke.layout';

/** Storage may be forbidden; then nothing is remembered. */
export const memory = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(key, value);
    } catch {
      // Not remembered, then.
    }
  },
};

export function routeOf(path: string): Route {
  const [, first, second] = path.split('/');
  if (first === 'chat' && second) return { page: 'chat', user: decode(second) };
  if (first === 'settings' && second === 'telephones') return { page: 'telephones' };
  if (first === 'settings' && second === 'ways') return { page: 'modes' };
  if (first === 'settings') return { page: 'settings' };
  return { page: 'home' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function pathOf(route: Route): string {
  switch (route.page) {
    case 'home':
      return '/';
    case 'chat':
      return `/chat/${encodeURIComponent(route.user).replaceAll('%40', '@')}`;
    case 'settings':
      return '/settings';
    case 'telephones':
      return '/settings/telephones';
    case 'modes':
      return '/settings/ways';
  }
}

/** What of the window is open, and the address line that says it. */
export interface WindowModel extends Writable<WindowState> {
  go(route: Route, pane?: Pane): void;
  show(pane: Pane): void;
  back(): void;
  patch(part: Partial<WindowState>): void;
  setTheme(theme: ThemeChoice): void;
  setColumn(on: boolean): void;
  setStage(stage: StagePlace): void;
  setLayout(layout: Layout): void;
  /** Follows the browser's back and forward. */
  follow(): () => void;
}

export function createWindow(first: Partial<WindowState> = {}, address = true): WindowModel {
  const theme = memory.get(THEME_KEY);
  const store = createStore<WindowState>({
    route: address ? routeOf(location.pathname) : { page: 'home' },
    pane: address && routeOf(location.pathname).page !== 'home' ? 'main' : 'list',
    board: 'docked',
    stage: memory.get(STAGE_KEY) === 'large' ? 'large' : 'board',
    layout: memory.get(LAYOUT_KEY) === 'speaker' ? 'speaker' : 'grid',
    column: memory.get(COLUMN_KEY) !== 'off',
    palette: false,
    help: false,
    book: undefined,
    number: undefined,
    leaving: undefined,
    over: undefined,
    behind: undefined,
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
    ...first,
  });
  const patch = (part: Partial<WindowState>) => store.set((now) => ({ ...now, ...part }));
  let depth = 0;
  const push = (route: Route, pane: Pane) => {
    const now = store.get();
    if (now.pane === pane && pathOf(now.route) === pathOf(route)) return;
    patch({ route, pane });
    if (!address) return;
    depth += 1;
    history.pushState({ pane, depth }, '', pathOf(route));
  };
  return {
    ...store,
    patch,
    go: (route, pane = route.page === 'home' ? 'list' : 'main') => push(route, pane),
    show: (pane) => push(store.get().route, pane),
    back() {
      if (address && depth > 0) history.back();
      else patch(store.get().pane === 'board' ? { pane: 'main' } : { pane: 'list' });
    },
    setTheme(next) {
      memory.set(THEME_KEY, next);
      patch({ theme: next });
    },
    setColumn(on) {
      memory.set(COLUMN_KEY, on ? 'on' : 'off');
      patch({ column: on });
    },
    setStage(stage) {
      memory.set(STAGE_KEY, stage);
      patch({ stage });
    },
    setLayout(layout) {
      memory.set(LAYOUT_KEY, layout);
      patch({ layout });
    },
    follow() {
      const moved = (event: PopStateEvent) => {
        const state = event.state as { pane?: Pane; depth?: number } | null;
        depth = state?.depth ?? 0;
        const route = routeOf(location.pathname);
        patch({ route, pane: state?.pane ?? (route.page === 'home' ? 'list' : 'main') });
      };
      window.addEventListener('popstate', moved);
      return () => window.removeEventListener('popstate', moved);
    },
  };
}

/** Puts the theme on the page. */
export function applyTheme(theme: ThemeChoice, page: Document = document): void {
  if (theme === 'system') delete page.documentElement.dataset.theme;
  else page.documentElement.dataset.theme = theme;
}
