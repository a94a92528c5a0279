import type { ReactNode } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Problem } from '../model.ts';
import { BackButton } from '../shell/panes.tsx';
import { useSlow } from '../store.ts';
import { Button, ProblemNotice } from '../ui/parts.tsx';
import './settings.css';

interface ListPageProps {
  screen: string;
  words: { readonly title: string; readonly say: string; readonly add: string; readonly emptyTitle: string; readonly emptySay: string };
  /** Whether it is known what stands on the list, and is being asked. */
  known: boolean;
  loading: boolean;
  /** Asks again. */
  onLoad: () => void;
  empty: boolean;
  problem: Problem | undefined;
  onAdd: () => void;
  /** The list, where somebody is on it. */
  children: ReactNode;
  /** A dialog of the page. */
  dialog?: ReactNode;
}

/** A page with a list of mine: says what it is for, and adds to it. */
export function ListPage({ screen, words, known, loading, onLoad, empty, problem, onAdd, children, dialog }: ListPageProps) {
  const { t } = useI18n();
  const slow = useSlow(loading);
  return (
    <section className="page" aria-label={words.title} data-screen={screen}>
      <header className="bar">
        <BackButton />
        <div className="ti">
          <h1>{words.title}</h1>
        </div>
        {!empty && (
          <Button icon="plus" className="touchy" onClick={onAdd}>
            {words.add}
          </Button>
        )}
      </header>
      <div className="scroll">
        <div className="inner">
          <p className="soft">{words.say}</p>
          {problem && (
            <ProblemNotice
              problem={problem}
              className="pagenotice"
              action={
                !known && (
                  <Button small disabled={loading} onClick={onLoad}>
                    {t.common.tryAgain}
                  </Button>
                )
              }
            />
          )}
          {!known ? (
            loading &&
            slow && (
              <div className="bones" role="status" aria-label={t.common.loading}>
                <span className="bone" />
                <span className="bone" />
              </div>
            )
          ) : empty ? (
            <div className="empty inpage">
              <h2 className="t14 strong">{words.emptyTitle}</h2>
              <p className="soft">{words.emptySay}</p>
              <div className="acts">
                <Button look="primary" icon="plus" onClick={onAdd}>
                  {words.add}
                </Button>
              </div>
            </div>
          ) : (
            children
          )}
        </div>
      </div>
      {dialog}
    </section>
  );
}
