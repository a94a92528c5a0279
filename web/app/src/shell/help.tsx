import { useI18n } from '../i18n/index.tsx';
import { Modal } from '../ui/float.tsx';
import { Button } from '../ui/parts.tsx';

/** All keys. */
export default function Help({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const everywhere: [string, string][] = [
    ['Ctrl K', t.keys.palette],
    ['Ctrl Shift L', t.keys.ring],
    ['Enter', t.keys.send],
    ['Shift Enter', t.keys.newline],
    ['↑ ↓', t.keys.move],
  ];
  const inCall: [string, string][] = [
    ['M', t.keys.mute],
    [t.keys.space, t.keys.talk],
    ['V', t.keys.camera],
    ['H', t.keys.hand],
    ['P', t.keys.people],
    ['?', t.keys.help],
  ];
  const list = (rows: [string, string][]) => (
    <dl className="keylist">
      {rows.map(([key, what]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  );
  return (
    <Modal title={t.keys.title} onClose={onClose}>
      <div data-screen="help">
        <h3 className="cap keyhead">{t.keys.everywhere}</h3>
        {list(everywhere)}
        <h3 className="cap keyhead">{t.keys.inCall}</h3>
        {list(inCall)}
        <p className="cap keyhead">{t.keys.also}</p>
        <div className="acts">
          <Button onClick={onClose}>{t.common.close}</Button>
        </div>
      </div>
    </Modal>
  );
}
