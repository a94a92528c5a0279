import { type FormEvent, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Mode, ModeKind, WantedMode } from '../model.ts';
import { Modal } from '../ui/float.tsx';
import { Choice, FormActs, SwitchLine } from '../ui/form.tsx';
import { Field } from '../ui/parts.tsx';
import { ADDRESS_MAX, addressFor, isAddress, isTaken, kindsByHand } from './mode-rules.ts';

interface EditProps {
  it: Mode | undefined;
  /** The other ways, so that none is written in twice. */
  others: readonly Mode[];
  onClose: () => void;
  onSave: (next: WantedMode) => void;
}

/** Whether pictures may come from there at all. */
const canShow = (kind: ModeKind) => kind !== 'mobile' && kind !== 'pstn';

/** Writes a way in, or changes one. */
export function ModeEdit({ it, others, onClose, onSave }: EditProps) {
  const { t } = useI18n();
  const [kind, setKind] = useState<ModeKind>(it?.kind ?? 'sip');
  const [address, setAddress] = useState(it?.address?.replace(new RegExp(`^${it.kind}:`), '') ?? '');
  const [video, setVideo] = useState(it?.video ?? true);
  const [tried, setTried] = useState(false);
  const next: WantedMode = { kind, address: addressFor(kind, address), video: canShow(kind) && video };
  const bad = !isAddress(kind, address) ? t.modes.need[kind] : isTaken(others, next) ? t.modes.same : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!bad) onSave(next);
  };
  const numbers = kind === 'mobile' || kind === 'pstn' || kind === 'isdn';
  return (
    <Modal title={it ? t.modes.editTitle : t.modes.add} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate data-screen="mode-edit">
        <Choice
          label={t.modes.kind}
          value={kind}
          options={kindsByHand.map((one) => [one, t.modes.kinds[one]] as const)}
          onChange={(one) => setKind(one)}
        />
        <Field
          label={numbers ? t.telephones.number : t.modes.address}
          hint={t.modes.hint[kind]}
          error={tried ? bad : undefined}
          inputMode={numbers ? 'tel' : 'text'}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={address}
          maxLength={ADDRESS_MAX}
          onChange={(event) => setAddress(event.target.value)}
        />
        {canShow(kind) && <SwitchLine label={t.modes.picture} say={t.modes.pictureSay} checked={video} onChange={setVideo} />}
        <FormActs onCancel={onClose} />
      </form>
    </Modal>
  );
}
