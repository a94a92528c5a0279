import { type ReactNode, useEffect, useState } from 'react';
import { useLeaving } from '../board/leaving.ts';
import { isLanguage, type Language, languages, useI18n } from '../i18n/index.tsx';
import type { OwnPresence, VoiceDevice } from '../model.ts';
import { Film } from '../pictures/film.tsx';
import { useModels } from '../shell/models.tsx';
import { BackButton } from '../shell/panes.tsx';
import type { ThemeChoice } from '../shell/window.ts';
import { usePick, useStore } from '../store.ts';
import { Choice } from '../ui/form.tsx';
import { Button, Field, ProblemNotice } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { LevelBar, useHeard } from '../voice/check.tsx';
import './settings.css';

/** What a person sets for themselves. */
export default function Settings() {
  const { view } = useModels();
  const { t } = useI18n();
  return (
    <section className="page" aria-label={t.settings.title} data-screen="settings">
      <header className="bar">
        <BackButton />
        <div className="ti">
          <h1>{t.settings.title}</h1>
        </div>
      </header>
      <div className="scroll">
        <div className="inner">
          <You />
          <Look />
          <Sound />
          <Group title={t.settings.telephones} say={t.telephones.say}>
            <Button icon="phone" onClick={() => view.go({ page: 'telephones' })}>
              {t.settings.telephones}
            </Button>
          </Group>
          <Group title={t.settings.modes} say={t.modes.say}>
            <Button icon="cam" onClick={() => view.go({ page: 'modes' })}>
              {t.settings.modes}
            </Button>
          </Group>
          <Links />
          <Group title={t.settings.keyboard}>
            <Button icon="keyboard" onClick={() => view.patch({ help: true })}>
              {t.settings.keyboardButton}
            </Button>
          </Group>
          <Out />
        </div>
      </div>
    </section>
  );
}

function Group({ title, say, children }: { title: string; say?: string; children: ReactNode }) {
  return (
    <section className="setgroup">
      <h2>{title}</h2>
      {say && <p className="soft">{say}</p>}
      <div className="setbody">{children}</div>
    </section>
  );
}

function You() {
  const { convoke } = useModels();
  const { t } = useI18n();
  const session = useStore(convoke.session);
  const [name, setName] = useState(session.me?.name ?? '');
  const changed = name.trim() !== '' && name.trim() !== session.me?.name;
  return (
    <Group title={t.settings.you}>
      <form
        className="inline"
        onSubmit={(event) => {
          event.preventDefault();
          if (changed) void convoke.session.setName(name.trim()).then(() => toast({ text: t.settings.nameSaved }));
        }}
      >
        <Field
          label={t.settings.name}
          hint={`${t.settings.nameHint} · ${session.me?.user ?? ''}`}
          value={name}
          maxLength={80}
          autoComplete="name"
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" disabled={!changed}>
          {t.common.save}
        </Button>
      </form>
      <Choice<OwnPresence>
        label={t.left.status}
        value={session.presence}
        options={(['available', 'away', 'busy', 'dnd'] as const).map((one) => [one, t.own[one]] as const)}
        onChange={(presence) => convoke.session.setPresence(presence, session.note)}
      />
    </Group>
  );
}

function Look() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const own = usePick(convoke.session, (state) => state.me?.language);
  const theme = usePick(view, (state) => state.theme);
  return (
    <Group title={t.settings.look}>
      <div className="pairs">
        <Choice<Language | ''>
          label={t.settings.language}
          value={isLanguage(own) ? own : ''}
          options={[['', t.settings.asBrowser], ...(Object.entries(languages) as [Language, string][])]}
          onChange={(next) => void convoke.session.setLanguage(next || undefined)}
        />
        <Choice<ThemeChoice>
          label={t.settings.theme}
          value={theme}
          options={(['system', 'light', 'dark'] as const).map((one) => [one, t.settings.themes[one]] as const)}
          onChange={(next) => view.setTheme(next)}
        />
      </div>
    </Group>
  );
}

function devices(list: readonly VoiceDevice[], chosen: string | undefined, standard: string): [string, string][] {
  const known = list.filter((one) => one.id !== 'default').map((one): [string, string] => [one.id, one.label]);
  const missing: [string, string][] = chosen && chosen !== 'default' && !known.some(([id]) => id === chosen) ? [[chosen, '…']] : [];
  return [['default', standard], ...known, ...missing];
}

function Sound() {
  const { voice } = useModels();
  const { t } = useI18n();
  const state = useStore(voice);
  const heard = useHeard(voice);
  const testing = state.status === 'testing';
  useEffect(() => () => voice.stopTest(), [voice]);
  return (
    <Group title={t.sound.title} say={t.sound.say}>
      <div className="pairs">
        <Choice
          label={t.sound.microphone}
          value={state.chosen.microphone ?? 'default'}
          options={devices(state.devices.microphones, state.chosen.microphone, t.sound.standard)}
          onChange={(id) => void voice.choose('microphone', id)}
        />
        <Choice
          label={t.sound.speaker}
          value={state.chosen.speaker ?? 'default'}
          options={devices(state.devices.speakers, state.chosen.speaker, t.sound.standard)}
          onChange={(id) => void voice.choose('speaker', id)}
        />
      </div>
      {state.problem && <ProblemNotice problem={state.problem} />}
      <div className="testline" data-voice={state.status}>
        <Button icon="mic" disabled={!testing && state.status !== 'idle'} onClick={() => (testing ? voice.stopTest() : void voice.test())}>
          {testing ? t.sound.stop : t.sound.test}
        </Button>
        <Button icon="vol" onClick={() => void voice.playSample()}>
          {t.sound.sample}
        </Button>
        <div className="grow">
          {(testing || state.status === 'connected') && <LevelBar voice={voice} />}
          <p className="soft t12" aria-live="polite">
            {testing && heard ? t.sound.hears : t.sound.status[state.status]}
          </p>
        </div>
      </div>
      <Cameras />
    </Group>
  );
}

/** Which camera, and what it sees. */
function Cameras() {
  const { camera } = useModels();
  const { t } = useI18n();
  const state = useStore(camera);
  const testing = state.status === 'testing';
  useEffect(() => () => camera.stopTest(), [camera]);
  return (
    <>
      <div className="pairs">
        <Choice
          label={t.sound.camera}
          value={state.chosen ?? 'default'}
          options={devices(state.devices, state.chosen, t.sound.standard)}
          onChange={(id) => void camera.choose(id)}
        />
      </div>
      {state.problem && <ProblemNotice problem={state.problem} />}
      <div className="testline" data-camera={state.status}>
        <Button icon="cam" disabled={state.status === 'asking'} onClick={() => (testing ? camera.stopTest() : void camera.test())}>
          {testing ? t.sound.stopCamera : t.sound.testCamera}
        </Button>
        <p className="soft t12 grow" aria-live="polite">
          {testing ? t.sound.cameraSay : state.status === 'asking' ? t.sound.cameraAsking : ''}
        </p>
      </div>
      {state.preview && (
        <div className="preview">
          <Film stream={state.preview} mirrored />
        </div>
      )}
    </>
  );
}

/** Asks the browser; false where it does not let pages of this address do that (plain http). */
export function openLinksHere(): boolean {
  try {
    for (const scheme of ['tel', 'sip']) navigator.registerProtocolHandler(scheme, `${location.origin}/call?to=%s`);
    return true;
  } catch {
    return false;
  }
}

/** Has the browser open telephone links here. The links fill the list and never call. */
function Links() {
  const { t } = useI18n();
  const [done, setDone] = useState<boolean | undefined>();
  return (
    <Group title={t.settings.links} say={t.settings.linksSay}>
      <Button icon="link" onClick={() => setDone(openLinksHere())}>
        {t.settings.linksButton}
      </Button>
      {done !== undefined && (
        <p className="soft t12" role="status">
          {done ? t.settings.linksDone : t.settings.linksNot}
        </p>
      )}
    </Group>
  );
}

function Out() {
  const leaving = useLeaving();
  const { t } = useI18n();
  return (
    <Group title={t.settings.signOut} say={t.settings.signOutSay}>
      <Button icon="signout" onClick={() => leaving.signOut()}>
        {t.settings.signOut}
      </Button>
    </Group>
  );
}
