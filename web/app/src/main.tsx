import { createConvoke, webPlatform } from '@convoke/client';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { createLazyPictures } from './pictures/lazy.ts';
import { App } from './shell/app.tsx';
import { applyTheme, createWindow } from './shell/window.ts';
import { createLazyVoice } from './voice/lazy.ts';

const PhonesApp = lazy(() => import('./phones/page.tsx'));

const root = createRoot(document.getElementById('root') as HTMLElement);

if (location.pathname === '/phones') {
  root.render(
    <StrictMode>
      <Suspense>
        <PhonesApp />
      </Suspense>
    </StrictMode>,
  );
} else {
  const view = createWindow();
  // Before the first paint: a page that is light for a moment blinds at night.
  applyTheme(view.get().theme);
  const voice = createLazyVoice(() => import('./voice/voice.ts'));
  const camera = createLazyPictures(() => import('./pictures/port.ts'));
  const convoke = createConvoke({ server: location.origin, platform: webPlatform({ media: voice, pictures: camera }) });
  void convoke.session.resume();
  window.addEventListener('online', () => convoke.session.reconnect());
  // A page that was out of sight may have lost its connection unnoticed.
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && convoke.session.reconnect());
  window.addEventListener('pagehide', () => convoke.close());
  // A page that the browser had kept aside has no connection any more.
  window.addEventListener('pageshow', (event) => event.persisted && location.reload());
  root.render(
    <StrictMode>
      <App models={{ convoke, voice, camera, view }} />
    </StrictMode>,
  );
}
