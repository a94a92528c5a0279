import { type ComponentProps, forwardRef, type ReactNode, useState } from 'react';
import type { Words } from '../i18n/en.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Person, Presence, Problem } from '../model.ts';
import { useNow } from '../store.ts';
import { Icon, type IconName } from './icon.tsx';

/** Class names, those that hold. */
export function cx(...names: (string | false | undefined | null)[]): string {
  return names.filter(Boolean).join(' ');
}

interface ButtonProps extends ComponentProps<'button'> {
  icon?: IconName;
  iconAfter?: IconName;
  look?: 'primary' | 'danger' | 'quiet' | 'link' | 'plain';
  small?: boolean;
  touch?: boolean;
}

/** A button with words. */
export const Button = forwardRef<HTMLButtonElement, ButtonProps>(function Button(
  { icon, iconAfter, look = 'plain', small, touch, className, children, ...rest },
  ref,
) {
  return (
    <button
      type="button"
      ref={ref}
      className={cx('btn', look !== 'plain' && look, small && 'small', touch && 'touch', className)}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
      {iconAfter && (
        <span className="car">
          <Icon name={iconAfter} size="s" />
        </span>
      )}
    </button>
  );
});

interface IconButtonProps extends Omit<ComponentProps<'button'>, 'children' | 'title'> {
  icon: IconName;
  /** The name: read aloud, and shown when the pointer rests. */
  label: string;
  /** The key that does the same, shown beside the name. */
  keys?: string;
  iconSize?: 's' | 'm' | 'l';
}

/** A button of which only the picture is seen. */
export const IconButton = forwardRef<HTMLButtonElement, IconButtonProps>(function IconButton(
  { icon, label, keys, iconSize = 'm', className, ...rest },
  ref,
) {
  return (
    <button type="button" ref={ref} aria-label={label} data-tip={label} data-tip-keys={keys} className={cx('ib', className)} {...rest}>
      <Icon name={icon} size={iconSize} />
    </button>
  );
});

/** The colour of a person's avatar: always the same for the same person. */
export function hue(id: string): number {
  // FNV-1a, whose upper bits are mixed well.
  let sum = 0x811c9dc5;
  for (const char of id) sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return ((sum >>> 12) % 5) + 1;
}

interface AvatarProps {
  person: Pick<Person, 'id' | 'initials' | 'user'> & Partial<Pick<Person, 'presence'>>;
  size?: 'sm' | 'm' | 'lg' | 'xl';
  /** Without the mark of presence. */
  bare?: boolean;
}

/** Initials, and presence in shape and colour. An outside number is square and grey. */
export function Avatar({ person, size = 'm', bare }: AvatarProps) {
  const { t } = useI18n();
  const outside = person.user === undefined;
  return (
    <span className={cx('av', size !== 'm' && size, outside ? 'sq' : `c${hue(person.id)}`)}>
      <span aria-hidden="true">{outside && person.initials === '' ? '#' : person.initials}</span>
      {!bare && !outside && person.presence && (
        <span className={cx('pr', person.presence)} data-presence={person.presence}>
          <span className="sr">{t.presence[person.presence]}</span>
        </span>
      )}
    </span>
  );
}

/** A mark of presence by itself, beside a word. */
export function PresenceDot({ presence }: { presence: Presence | 'busy' }) {
  return <span className={cx('pr loose', presence)} aria-hidden="true" data-presence={presence} />;
}

/** A time that runs. Not announced each second. */
export function Timer({ since, until }: { since: number; until?: number | undefined }) {
  const { format } = useI18n();
  const now = useNow();
  return <span className="num">{format.timer((until ?? now) - since)}</span>;
}

/** Five bars that move, low ones, or five dots. */
export function Meter({ state, label }: { state: 'on' | 'low' | 'off'; label: string }) {
  return (
    <span className={cx('meter', state !== 'off' && state)} role="img" aria-label={label}>
      <b />
      <b />
      <b />
      <b />
      <b />
    </span>
  );
}

/** The level of one's own microphone in five bars; dynamic values are set on the elements. */
export function LevelMeter({ level, label }: { level: number; label: string }) {
  const heard = level > 0.02;
  return (
    <span className={cx('meter level', heard && 'heard')} role="img" aria-label={label}>
      {[0.45, 0.75, 1, 0.7, 0.4].map((share) => (
        <b key={share} style={{ transform: `scaleY(${Math.max(0.19, Math.min(1, level * 1.3 * share)).toFixed(2)})` }} />
      ))}
    </span>
  );
}

/** How many are unread. */
export function Badge({ count }: { count: number }) {
  const { t } = useI18n();
  return (
    <span className="badge">
      <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
      <span className="sr">{t.common.unread(count)}</span>
    </span>
  );
}

interface NoticeProps {
  look?: 'bad' | 'warn' | 'plain';
  icon?: IconName;
  title: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
  className?: string;
  /** Which one it is, for whoever looks at the page. */
  [data: `data-${string}`]: string | undefined;
}

/** What happened, and what to do. */
export function Notice({ look = 'plain', icon, title, children, action, className, ...data }: NoticeProps) {
  return (
    <div className={cx('notice', look !== 'plain' && look, className)} role={look === 'bad' ? 'alert' : 'status'} {...data}>
      <Icon name={icon ?? (look === 'plain' ? 'ok' : 'warn')} />
      <div>
        <p className="mid">{title}</p>
        {children && <p className="soft">{children}</p>}
      </div>
      {action}
    </div>
  );
}

/** What went wrong and what to do: of a refused number also which one, and why. */
export function problemWords(problem: Problem, t: Words): { what: string; todo: string } {
  const words = t.problem[problem.code] ?? t.problem.internal;
  const { refused } = problem;
  return refused ? { ...words, what: t.refused[refused.why](refused.number ?? t.refusedOne) } : words;
}

/** Which problem it is, if there is one, for whoever looks at the page. */
export function problemData(problem: Problem | undefined): { 'data-problem': string | undefined; 'data-refused': string | undefined } {
  return { 'data-problem': problem?.code, 'data-refused': problem?.refused?.why };
}

/** What went wrong, as a line beside something else. */
export function ProblemLine({ problem }: { problem: Problem }) {
  const { t } = useI18n();
  return (
    <span className="badtext" {...problemData(problem)}>
      {problemWords(problem, t).what}
    </span>
  );
}

/** A problem in the person's language. */
export function ProblemNotice({
  problem,
  todo,
  action,
  className,
}: {
  problem: Problem;
  /** What to do about it here, where that is something else. */
  todo?: string;
  action?: ReactNode;
  className?: string;
}) {
  const { t } = useI18n();
  const words = problemWords(problem, t);
  return (
    <Notice look="bad" title={words.what} action={action} {...(className ? { className } : {})} {...problemData(problem)}>
      {todo ?? words.todo}
    </Notice>
  );
}

interface FieldProps extends Omit<ComponentProps<'input'>, 'children'> {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  touch?: boolean;
  after?: ReactNode;
}

/** A text field with its label, a hint, and its error in words. */
export const Field = forwardRef<HTMLInputElement, FieldProps>(function Field(
  { label, hint, error, touch, after, id, className, ...rest },
  ref,
) {
  const [own] = useState(() => `f${Math.random().toString(36).slice(2, 9)}`);
  const name = id ?? own;
  return (
    <div className={cx('field', className)}>
      <label className="label" htmlFor={name}>
        {label}
      </label>
      <span className={after ? 'withafter' : undefined}>
        <input
          id={name}
          ref={ref}
          className={cx('input', touch && 'touch')}
          aria-invalid={error ? true : undefined}
          aria-describedby={error || hint ? `${name}-hint` : undefined}
          {...rest}
        />
        {after}
      </span>
      {(error || hint) && (
        <span id={`${name}-hint`} className={cx('hint', error && 'bad')}>
          {error ?? hint}
        </span>
      )}
    </div>
  );
});

interface SelectProps extends Omit<ComponentProps<'select'>, 'className'> {
  options: readonly (readonly [value: string, word: string])[];
}

/** One of a few: the browser's own list, which telephones show best. */
export function Select({ options, ...rest }: SelectProps) {
  return (
    <span className="selectwrap">
      <select className="input" {...rest}>
        {options.map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
      <Icon name="car" />
    </span>
  );
}

interface SwitchProps {
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
  labelledBy: string;
}

/** A real switch: `role=switch` with its state. */
export function Switch({ checked, disabled, onChange, labelledBy }: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-checked={checked}
      aria-labelledby={labelledBy}
      disabled={disabled}
      onClick={() => onChange(!checked)}
    />
  );
}
