import { useId } from 'react';
import { useI18n } from '../i18n/index.tsx';
import { Button, cx, Select, Switch } from './parts.tsx';

interface ChoiceProps<V extends string> {
  label: string;
  value: V;
  options: readonly (readonly [V, string])[];
  onChange: (value: V) => void;
}

/** One of a few, with its name above. */
export function Choice<V extends string>({ label, value, options, onChange }: ChoiceProps<V>) {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <Select id={id} value={value} options={options} onChange={(event) => onChange(event.target.value as V)} />
    </div>
  );
}

interface SwitchLineProps {
  label: string;
  /** What it means, in smaller words. */
  say: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
  className?: string;
}

/** A switch at the end of a line that says what it is for. */
export function SwitchLine({ label, say, className, ...rest }: SwitchLineProps) {
  const id = useId();
  return (
    <div className={cx('switchline', className)}>
      <span>
        <span id={id} className="mid">
          {label}
        </span>
        <span className="faint t12">{say}</span>
      </span>
      <Switch labelledBy={id} {...rest} />
    </div>
  );
}

/** The end of a form: not after all, or so. `yes`: what is done, where that is not to save. */
export function FormActs({ onCancel, yes }: { onCancel: () => void; yes?: string }) {
  const { t } = useI18n();
  return (
    <div className="acts">
      <Button onClick={onCancel}>{t.common.cancel}</Button>
      <Button look="primary" type="submit">
        {yes ?? t.common.save}
      </Button>
    </div>
  );
}
