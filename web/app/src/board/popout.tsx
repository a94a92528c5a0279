import { type ReactNode, useEffect, useState } from 'react';
import { createPortal } from 'react-dom';
import { useI18n } from '../i18n/index.tsx';
import { useModels } from '../shell/models.tsx';
import { applyTheme } from '../shell/window.ts';
import { useLatest, usePick } from '../store.ts';
import { LayerContext } from '../ui/float.tsx';
import { Button } from '../ui/parts.tsx';
import { Toasts, toast } from '../ui/toast.tsx';
import { Tooltips } from '../ui/tooltip.tsx';

const SIZE = 'popup,width=432,height=760';

/** The board in a window of its own: the same board, drawn there. Closing that window brings it back. */
export default function Popout({ children }: { children: ReactNode }) {
  const { view } = useModels();
  const { language, t } = useI18n();
  const words = useLatest(t);
  const theme = usePick(view, (state) => state.theme);
  const [there, setThere] = useState<Window | undefined>();

  useEffect(() => {
    const other = window.open('', 'convoke-board', SIZE);
    if (!other) {
      // Not allowed: it stays here.
      toast({ text: words.current.board.popBlocked, bad: true });
      view.patch({ board: 'docked' });
      return;
    }
    dress(other);
    // The keys of the call are heard there too.
    window.dispatchEvent(new CustomEvent('convoke:window', { detail: other }));
    const gone = () => view.get().board === 'popped' && view.patch({ board: 'docked' });
    const leave = () => other.close();
    other.addEventListener('pagehide', gone);
    window.addEventListener('pagehide', leave);
    setThere(other);
    return () => {
      other.removeEventListener('pagehide', gone);
      window.removeEventListener('pagehide', leave);
      other.close();
    };
  }, [view, words]);
  useEffect(() => {
    if (!there) return;
    applyTheme(theme, there.document);
    there.document.documentElement.lang = language;
    there.document.title = document.title;
  }, [there, theme, language]);

  if (!there) return null;
  return createPortal(
    <LayerContext value={there.document.body}>
      <PoppedPage>{children}</PoppedPage>
      <Toasts />
      <Tooltips within={there.document} />
    </LayerContext>,
    there.document.body,
  );
}

/** The page that the board is there. */
export function PoppedPage({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  return (
    <main className="popped">
      <h1 className="sr">{t.board.label}</h1>
      {children}
    </main>
  );
}

/** The same style sheets there as here. */
function dress(other: Window): void {
  const page = other.document;
  page.body.replaceChildren();
  for (const sheet of document.querySelectorAll('link[rel="stylesheet"], style')) {
    const copy = page.importNode(sheet, true);
    // The address as this window resolves it: the other one is blank.
    if (sheet instanceof HTMLLinkElement) (copy as HTMLLinkElement).href = sheet.href;
    page.head.append(copy);
  }

  const size = page.createElement('meta');
  size.name = 'viewport';
  size.content = 'width=device-width, initial-scale=1';
  page.head.append(size);
}

/** What stands in the board's place meanwhile. */
export function PoppedNote() {
  const { view } = useModels();
  const { t } = useI18n();
  return (
    <aside className="board" aria-label={t.board.label}>
      <div className="empty">
        <h2 className="t14 strong">{t.board.poppedTitle}</h2>
        <p className="soft">{t.board.poppedSay}</p>
        <div className="acts">
          <Button icon="dock" onClick={() => view.patch({ board: 'docked' })}>
            {t.board.popBack}
          </Button>
        </div>
      </div>
    </aside>
  );
}
