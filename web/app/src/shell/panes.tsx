import { useI18n } from '../i18n/index.tsx';
import { usePick } from '../store.ts';
import { Badge, IconButton } from '../ui/parts.tsx';
import { useModels } from './models.tsx';

/** Back to the list; only where one pane is seen at a time. */
export function BackButton() {
  const { view } = useModels();
  const { t } = useI18n();
  return <IconButton icon="left" className="big onlynarrow back" label={t.common.back} onClick={() => view.back()} />;
}

/** Chat and board, where they do not fit beside each other. Seen only while there is a board. */
export function PaneTabs() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const pane = usePick(view, (state) => state.pane);
  const route = usePick(view, (state) => state.route);
  const chats = usePick(convoke.chats, (state) => state.unread);
  const there = usePick(convoke.conferences, (state) => state.board !== undefined || state.composer !== undefined);
  if (!there || route.page !== 'chat') return null;
  return (
    <div className="tabs" role="group" aria-label={t.board.tabs.label}>
      <button type="button" aria-pressed={pane !== 'board'} onClick={() => view.show('main')}>
        {t.board.tabs.chat}
        {pane === 'board' && chats > 0 && <Badge count={chats} />}
      </button>
      <button type="button" aria-pressed={pane === 'board'} onClick={() => view.show('board')}>
        {t.board.tabs.board}
      </button>
    </div>
  );
}
