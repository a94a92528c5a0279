import { useEffect } from 'react';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import { usePick } from '../store.ts';
import { Modal } from '../ui/float.tsx';
import { Button } from '../ui/parts.tsx';
import { useModels } from './models.tsx';

/** Says that the conference of a link is over, and leads on: to those who were in it, where I was one of them, or to whom I choose. */
export default function OverDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { convoke, view } = useModels();
  const { t, format } = useI18n();
  const call = usePick(convoke.calls, ({ list }) => list.find((one) => one.conference === id));
  // It may be found after all, or run again.
  const runs = usePick(convoke.conferences, ({ live }) => live.some((one) => one.id === id));
  useEffect(() => {
    if (runs) onClose();
  }, [runs, onClose]);
  // It may have ended a moment ago.
  useEffect(() => void convoke.calls.load(), [convoke]);
  const compose = () => {
    onClose();
    if (call) convoke.conferences.callBack(call);
    else convoke.conferences.compose();
    view.patch({ board: 'docked' });
    view.show('board');
  };
  return (
    <Modal title={t.over.title} onClose={onClose}>
      <div data-screen="over">
        <p className="soft">{call ? t.over.mine(plain(call.title || format.list(call.people)), format.full(call.at)) : t.over.say}</p>
        <div className="acts">
          <Button onClick={onClose}>{t.common.close}</Button>
          <Button look="primary" icon="users" onClick={compose}>
            {call ? t.over.again : t.board.choosePeople}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
