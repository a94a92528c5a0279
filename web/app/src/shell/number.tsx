import { type FormEvent, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import { Modal } from '../ui/float.tsx';
import { FormActs } from '../ui/form.tsx';
import { isNumber } from '../ui/number.ts';
import { Field } from '../ui/parts.tsx';
import type { AskedNumber } from './window.ts';

/** Asks for a telephone number that is nobody's place yet. */
export default function NumberDialog({ asked, onClose }: { asked: AskedNumber; onClose: () => void }) {
  const { t } = useI18n();
  const [text, setText] = useState('');
  const [bad, setBad] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isNumber(text)) {
      setBad(true);
      return;
    }
    asked.give(text.trim());
    onClose();
  };
  return (
    <Modal title={asked.person ? t.askNumber.named(asked.person.name) : t.askNumber.meTitle} onClose={onClose}>
      <form className="stack" onSubmit={submit} data-screen="number">
        <Field
          label={t.askNumber.label}
          hint={t.askNumber.hint}
          error={bad ? t.askNumber.bad : undefined}
          type="tel"
          inputMode="tel"
          autoComplete="tel"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setBad(false);
          }}
        />
        <FormActs onCancel={onClose} yes={t.askNumber.use} />
      </form>
    </Modal>
  );
}
