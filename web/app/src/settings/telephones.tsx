import { type FormEvent, useEffect, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Telephone } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { useStore } from '../store.ts';
import { DropMenu, MenuItem, MenuLine, Modal } from '../ui/float.tsx';
import { Choice, FormActs, SwitchLine } from '../ui/form.tsx';
import { Icon } from '../ui/icon.tsx';
import { isNumber } from '../ui/number.ts';
import { Button, Field, IconButton } from '../ui/parts.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';
import { toast } from '../ui/toast.tsx';
import { ListPage } from './list-page.tsx';
import { moved, withChanged } from './order.ts';

const kinds = ['mobile', 'work', 'home', 'other'] as const;

/** With one that was taken away, where it stood: whatever was changed meanwhile stays. */
export function putBack(list: readonly Telephone[], gone: Telephone, index: number): readonly Telephone[] {
  return list.some((one) => one.label === gone.label) ? list : list.toSpliced(index, 0, { ...gone, default: false });
}

/** Exactly one is the usual one, as long as there is any. */
export function withUsual(list: readonly Telephone[], label: string | undefined): Telephone[] {
  const usual = list.some((one) => one.label === label) ? label : list[0]?.label;
  return list.map((one) => (one.default === (one.label === usual) ? one : { ...one, default: one.label === usual }));
}

/** Where I can be called, in the order of calling. */
export default function Telephones() {
  const { convoke } = useModels();
  const { t } = useI18n();
  const { telephones } = convoke;
  const state = useStore(telephones);
  const [editing, setEditing] = useState<Telephone | 'new' | undefined>();
  // By what it is, not by its place: the list is the former one again where the server refuses a change.
  const edited = editing === 'new' ? undefined : editing;
  useEffect(() => void telephones.load(), [telephones]);
  const list = state.list;
  const usual = list.find((one) => one.default)?.label;
  const save = (next: readonly Telephone[], label = next.find((one) => one.default)?.label) => void telephones.save(withUsual(next, label));
  const remove = (index: number) => {
    const gone = list[index];
    if (!gone) return;
    save(list.filter((_, at) => at !== index));
    const run = () => save(putBack(telephones.get().list, gone, index), gone.default ? gone.label : undefined);
    toast({ text: t.telephones.removed(gone.label), action: { label: t.common.undo, run } });
  };
  return (
    <ListPage
      screen="telephones"
      words={t.telephones}
      known={state.loaded}
      loading={state.loading}
      onLoad={() => void telephones.load()}
      empty={list.length === 0}
      problem={state.problem}
      onAdd={() => setEditing('new')}
      dialog={
        editing !== undefined && (
          <Edit
            it={edited}
            taken={list.filter(({ label }) => label !== edited?.label).map(({ label }) => label.toLowerCase())}
            onClose={() => setEditing(undefined)}
            onSave={(next) => {
              const rest = edited ? withChanged(list, ({ label }) => label === edited.label, next) : [...list, next];
              save(rest, edited && usual === edited.label ? next.label : usual);
              setEditing(undefined);
            }}
          />
        )
      }
    >
      <ol className="tels">
        {list.map((one, index) => (
          <Line
            key={one.label}
            it={one}
            first={index === 0}
            last={index === list.length - 1}
            onEdit={() => setEditing(one)}
            onRemove={() => remove(index)}
            onMove={(by) => save(moved(list, index, index + by))}
            onUsual={() => save(list, one.label)}
          />
        ))}
      </ol>
    </ListPage>
  );
}

interface LineProps {
  it: Telephone;
  first: boolean;
  last: boolean;
  onEdit: () => void;
  onRemove: () => void;
  onMove: (by: number) => void;
  onUsual: () => void;
}

function Line({ it, first, last, onEdit, onRemove, onMove, onUsual }: LineProps) {
  const { t } = useI18n();
  const word = usePlaceWord();
  const label = word({ id: it.label, label: it.label, kind: it.kind });
  const more = [it.whenToUse, it.guard && t.telephones.guarded].filter(Boolean).join(' · ');
  return (
    <li className="tel" data-place={it.kind}>
      <span className="av sq">
        <Icon name={placeIcon(it.kind)} />
      </span>
      <span className="two">
        <span>
          <b className="strong cut">{label}</b>
          {it.default && <span className="chip go plain">{t.telephones.usual}</span>}
        </span>
        <span className="sub">
          <span className="num">{it.number}</span>
          {more && <span className="cut">{more}</span>}
        </span>
      </span>
      <Button small look="quiet" className="hidesmall" onClick={onEdit} aria-label={`${t.telephones.edit}: ${label}`}>
        {t.telephones.edit}
      </Button>
      <DropMenu
        label={t.telephones.more(label)}
        align="end"
        trigger={<IconButton icon="more" className="touchy" label={t.common.more} aria-label={t.telephones.more(label)} />}
      >
        <MenuItem icon="pen" onClick={onEdit}>
          {t.telephones.edit}
        </MenuItem>
        {!it.default && (
          <MenuItem icon="star" onClick={onUsual}>
            {t.telephones.makeUsual}
          </MenuItem>
        )}
        {!first && (
          <MenuItem icon="up" onClick={() => onMove(-1)}>
            {t.telephones.up}
          </MenuItem>
        )}
        {!last && (
          <MenuItem icon="car" onClick={() => onMove(1)}>
            {t.telephones.down}
          </MenuItem>
        )}
        <MenuLine />
        <MenuItem icon="trash" bad onClick={onRemove}>
          {t.telephones.remove}
        </MenuItem>
      </DropMenu>
    </li>
  );
}

interface EditProps {
  it: Telephone | undefined;
  taken: readonly string[];
  onClose: () => void;
  onSave: (next: Telephone) => void;
}

function Edit({ it, taken, onClose, onSave }: EditProps) {
  const { t } = useI18n();
  const [kind, setKind] = useState<Telephone['kind']>(it?.kind ?? 'mobile');
  const [label, setLabel] = useState(it?.label ?? '');
  const [number, setNumber] = useState(it?.number ?? '');
  const [when, setWhen] = useState(it?.whenToUse ?? '');
  const [guard, setGuard] = useState(it?.guard ?? false);
  const [tried, setTried] = useState(false);
  const name = label.trim() || (it ? '' : t.place[kind].toLowerCase());
  const labelBad = name === '' ? t.telephones.needLabel : taken.includes(name.toLowerCase()) ? t.telephones.sameLabel : undefined;
  const numberBad = isNumber(number) ? undefined : t.telephones.needNumber;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (labelBad || numberBad) return;
    onSave({
      label: name,
      number: number.trim(),
      kind,
      default: it?.default ?? false,
      guard,
      ...(when.trim() ? { whenToUse: when.trim() } : {}),
    });
  };
  return (
    <Modal title={it ? t.telephones.editTitle(it.label) : t.telephones.addTitle} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate data-screen="telephone-edit">
        <Field
          label={t.telephones.number}
          hint={t.telephones.numberHint}
          error={tried ? numberBad : undefined}
          type="tel"
          inputMode="tel"
          autoComplete="tel"
          value={number}
          onChange={(event) => setNumber(event.target.value)}
        />
        <div className="pairs">
          <Choice label={t.telephones.kind} value={kind} options={kinds.map((one) => [one, t.place[one]] as const)} onChange={setKind} />
          <Field
            label={t.telephones.label}
            error={tried ? labelBad : undefined}
            placeholder={it ? undefined : t.place[kind].toLowerCase()}
            value={label}
            maxLength={40}
            onChange={(event) => setLabel(event.target.value)}
          />
        </div>
        <Field
          label={t.telephones.whenToUse}
          hint={t.telephones.whenHint}
          value={when}
          maxLength={80}
          onChange={(event) => setWhen(event.target.value)}
        />
        <SwitchLine label={t.telephones.guard} say={t.telephones.guardSay} checked={guard} onChange={setGuard} />
        <FormActs onCancel={onClose} />
      </form>
    </Modal>
  );
}
