import { useEffect, useId, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import { useSlow, useStore } from '../store.ts';
import { Chip } from '../ui/chip.tsx';
import { type ChipState, chipStates } from '../ui/chip-state.ts';
import { Avatar, Button, cx, IconButton, Meter, Notice, Select } from '../ui/parts.tsx';
import { behaviourOf, type Does, doings, type Phone, type Phones, type PhonesState } from './model.ts';
import type { PhoneSound } from './sound.ts';
import './phones.css';

const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

export interface PhonesPageProps {
  phones: Phones;
  /** Opens the sound of one; one at a time. */
  openSound: (number: string) => Promise<PhoneSound>;
  onTheme: () => void;
}

/** Telephones to play with: pictures that ring, are answered, talk, press keys and hang up. */
export function PhonesPage({ phones, openSound, onTheme }: PhonesPageProps) {
  const { t } = useI18n();
  const state = useStore(phones);
  const slow = useSlow(state.status === 'loading');
  const none = state.status === 'absent' || (state.status === 'here' && state.phones.length === 0);
  const [listening, setListening] = useState<{ number: string; sound: PhoneSound } | undefined>();
  const here = state.phones.find((phone) => phone.number === listening?.number);
  useEffect(() => {
    // The sound ends with the call.
    if (listening && here?.state !== 'talking') {
      listening.sound.close();
      setListening(undefined);
    }
  }, [listening, here?.state]);
  const listen = async (number: string) => {
    listening?.sound.close();
    setListening({ number, sound: await openSound(number) });
  };
  return (
    <main className="phones" data-screen="phones" data-phones={state.status}>
      <div className="wrap">
        <header className="intro">
          <div className="grow">
            <h1>{state.phones.length === 0 ? t.phones.heading : t.phones.title(state.phones.length)}</h1>
            {!none && <p>{t.phones.say}</p>}
          </div>
          <IconButton icon="moon" className="mid" label={t.phones.theme} onClick={onTheme} />
          <a className="btn primary" href="/" target="convoke">
            {t.phones.open}
          </a>
        </header>
        {state.status === 'lost' && <Notice look="warn" icon="cloudoff" title={t.phones.lost} />}
        {none ? (
          <div className="empty">
            <p className="t14 strong">{t.phones.none}</p>
            <p className="soft">{t.phones.noneSay}</p>
          </div>
        ) : state.status === 'loading' && state.phones.length === 0 ? (
          slow && <p className="soft">{t.common.loading} …</p>
        ) : (
          <>
            <div className="tels5">
              {state.phones.map((phone) => (
                <Telephone
                  key={phone.number}
                  phone={phone}
                  phones={phones}
                  listening={listening?.number === phone.number ? listening.sound : undefined}
                  onListen={() => void listen(phone.number)}
                />
              ))}
            </div>
            <Happened state={state} />
          </>
        )}
      </div>
    </main>
  );
}

/** What the board says about this telephone, where it is one of the words of the board. */
function boardChip(word: string | undefined): ChipState | undefined {
  return chipStates.find((one) => one === word);
}

interface TelephoneProps {
  phone: Phone;
  phones: Phones;
  listening: PhoneSound | undefined;
  onListen: () => void;
}

function Telephone({ phone, phones, listening, onListen }: TelephoneProps) {
  const { t } = useI18n();
  const initials = phone.name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');
  const caller = phone.caller?.name ?? phone.caller?.number ?? t.phones.someone;
  const chip: ChipState = phone.state === 'talking' ? 'joined' : phone.state;
  const board = boardChip(phone.board);
  return (
    <section
      className={cx('tel', phone.state === 'ringing' && 'ring')}
      aria-label={t.phones.of(phone.name, phone.label)}
      data-phone={phone.state}
    >
      <header>
        <Avatar person={{ id: phone.user ?? phone.number, user: phone.user ?? phone.number, initials }} bare />
        <div className="two">
          <span className="strong cut">{phone.name}</span>
          <span className="sub num">
            {phone.label}, {phone.number}
          </span>
        </div>
      </header>
      <div className="face">
        <Chip state={chip} since={phone.state === 'idle' ? undefined : phone.since} />
        <p className="what">
          {phone.state === 'idle' ? t.phones.ready : phone.state === 'ringing' ? t.phones.calls(caller) : (phone.conference ?? caller)}
        </p>
        <p className="soft disp" data-does={phone.state === 'idle' ? phone.behaviour.does : undefined}>
          {phone.state === 'idle' && t.phones.readySay[phone.behaviour.does]}
          {phone.state === 'ringing' && phone.caller?.number && <span className="num">{t.phones.from(phone.caller.number)}</span>}
          {phone.state === 'talking' && (
            <>
              <Meter state={phone.hears ? 'on' : 'off'} label={phone.hears ? t.board.talking : t.board.quiet} />
              {phone.hears ? t.phones.hears : t.phones.quiet}
            </>
          )}
        </p>
        {phone.state === 'talking' ? (
          <div className="pad" role="group" aria-label={t.phones.keypad}>
            {keys.map((key) => (
              <button key={key} type="button" onClick={() => phones.key(phone.number, key)}>
                {key}
                {t.phones.keys[key] && (
                  <small>
                    *{key} {t.phones.keys[key]}
                  </small>
                )}
              </button>
            ))}
          </div>
        ) : (
          <dl className="phonefacts">
            {phone.conference && (
              <>
                <dt>{t.phones.conference}</dt>
                <dd>{phone.conference}</dd>
              </>
            )}
          </dl>
        )}
        {board && (
          <p className="boardsays">
            <span className="faint t12">{t.phones.boardShows}</span>
            <Chip state={board} />
          </p>
        )}
      </div>
      <div className={cx('buttons', phone.state !== 'ringing' && 'one')}>
        {phone.state === 'ringing' && (
          <>
            <Button touch icon="hang" onClick={() => phones.act(phone.number, 'decline')}>
              {t.phones.decline}
            </Button>
            <Button touch look="primary" icon="phone" onClick={() => phones.act(phone.number, 'answer')}>
              {t.phones.answer}
            </Button>
          </>
        )}
        {phone.state === 'talking' && (
          <>
            <Button touch icon={listening ? 'vol' : 'mic'} aria-pressed={listening !== undefined} onClick={onListen}>
              {listening ? t.phones.listening : t.phones.listen}
            </Button>
            {listening && !listening.speaks && <p className="t12 soft">{t.phones.noMicrophone}</p>}
            <Button touch look="danger" icon="hang" onClick={() => phones.act(phone.number, 'hangup')}>
              {t.phones.hangUp}
            </Button>
          </>
        )}
      </div>
      <WhenCalled phone={phone} phones={phones} />
    </section>
  );
}

/** What it does from its next call on. */
function WhenCalled({ phone, phones }: { phone: Phone; phones: Phones }) {
  const { t } = useI18n();
  const id = useId();
  return (
    <footer className="when">
      <label className="soft" htmlFor={id}>
        {t.phones.whenCalled}
      </label>
      <Select
        id={id}
        value={phone.behaviour.does}
        options={doings.map((does) => [does, t.phones.does[does]] as const)}
        onChange={(event) => phones.behave(phone.number, behaviourOf(event.target.value as Does, phone))}
      />
    </footer>
  );
}

function Happened({ state }: { state: PhonesState }) {
  const { t, format } = useI18n();
  const name = (number: string) => state.phones.find((phone) => phone.number === number)?.name ?? number;
  return (
    <section className="lines" aria-label={t.phones.happened}>
      <h2>{t.phones.happened}</h2>
      {state.log.length === 0 ? (
        <p className="soft">{t.phones.nothing}</p>
      ) : (
        <ul>
          {state.log.map((line) => (
            <li key={`${line.at}-${line.number}-${line.what}-${line.key ?? ''}`}>
              <time className="faint" dateTime={new Date(line.at).toISOString()}>
                {format.clock(line.at)}
              </time>
              <span className="cut">{name(line.number)}</span>
              <span className="soft">{line.key ? t.phones.pressed(line.key) : (t.phones.event[line.what] ?? line.what)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
