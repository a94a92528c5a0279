import { type FormEvent, useEffect, useRef, useState } from 'react';
import { isLanguage, languages, useI18n } from '../i18n/index.tsx';
import type { ProblemCode } from '../model.ts';
import { usePick, useSlow, useStore } from '../store.ts';
import { Button, Field, IconButton, ProblemNotice, Select } from '../ui/parts.tsx';
import { useModels } from './models.tsx';
import type { ThemeChoice } from './window.ts';

/** Faults that pass; nobody signs in by itself meanwhile, as what is connected connects again. */
const passes: ReadonlySet<ProblemCode> = new Set(['unreachable', 'busy-server']);

/** Name and password. The password manager of the browser may fill both. */
export function SignIn({ onLanguage }: { onLanguage: (language: keyof typeof languages) => void }) {
  const { convoke, view } = useModels();
  const { t, language } = useI18n();
  const session = useStore(convoke.session);
  const theme = usePick(view, (state) => state.theme);
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [missing, setMissing] = useState<{ user?: string; password?: string }>({});
  const [shown, setShown] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const second = useRef<HTMLInputElement>(null);
  const busy = session.status === 'signing-in';
  const slow = useSlow(busy);

  useEffect(() => first.current?.focus(), []);
  useEffect(() => {
    if (session.problem?.code === 'wrong-password') second.current?.select();
  }, [session.problem]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    const lacks = {
      ...(user.trim() === '' ? { user: t.signIn.needUser } : {}),
      ...(password === '' ? { password: t.signIn.needPassword } : {}),
    };
    setMissing(lacks);
    if (lacks.user) first.current?.focus();
    else if (lacks.password) second.current?.focus();
    else void convoke.session.signIn(user.trim(), password);
  };
  return (
    <main className="signin" data-screen="sign-in" data-session={session.status}>
      <form className="signbox" onSubmit={submit} noValidate>
        <img src="/icon.svg" width="40" height="40" alt="" />
        <h1>{t.signIn.title}</h1>
        <p className="soft">{t.signIn.say}</p>
        {session.problem && (
          <ProblemNotice problem={session.problem} {...(passes.has(session.problem.code) ? { todo: t.signIn.again } : {})} />
        )}
        <Field
          ref={first}
          label={t.signIn.user}
          hint={t.signIn.userHint}
          error={missing.user}
          touch
          name="username"
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
        <Field
          ref={second}
          label={t.signIn.password}
          error={missing.password}
          touch
          name="password"
          type={shown ? 'text' : 'password'}
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          after={
            <IconButton
              icon={shown ? 'eyeoff' : 'eye'}
              className="mid"
              label={t.signIn.show}
              aria-pressed={shown}
              onClick={() => setShown(!shown)}
            />
          }
        />
        <Button look="primary" touch type="submit" className="wide" aria-disabled={busy}>
          {slow ? t.signIn.working : t.signIn.button}
        </Button>
      </form>
      <div className="signfoot">
        <Select
          aria-label={t.settings.language}
          value={language}
          options={Object.entries(languages)}
          onChange={(event) => isLanguage(event.target.value) && onLanguage(event.target.value)}
        />
        <Select
          aria-label={t.settings.theme}
          value={theme}
          options={(['system', 'light', 'dark'] as const).map((one) => [one, t.settings.themes[one]] as const)}
          onChange={(event) => view.setTheme(event.target.value as ThemeChoice)}
        />
      </div>
    </main>
  );
}
