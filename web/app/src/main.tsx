import { createConvoke, webPlatform } from '@convoke/client';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';
import { createWindow } from './shell/window.ts';
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
  const voice = createLazyVoice(() => import('./voice/voice.ts'));
  const convoke = createConvoke({ server: location.origin, platform: webPlatform({ media: voice }) });
  void convoke.session.resume();
  window.addEventListener('online', () => convoke.session.reconnect());
  window.addEventListener('pagehide', () => convoke.close());
  root.render(
    <StrictMode>
      <App models={{ convoke, voice, view: createWindow() }} />
    </StrictMode>,
  );
}
