import { createContext, type ReactNode, useContext } from 'react';
import type { Convoke, Voice } from '../model.ts';
import type { Camera } from '../pictures/camera.ts';
import type { WindowModel } from './window.ts';

/** Everything a component may need: what is shown, the sound of this browser, and what of the window is open. */
export interface Models {
  readonly convoke: Convoke;
  readonly voice: Voice;
  readonly camera: Camera;
  readonly view: WindowModel;
}

const Context = createContext<Models | undefined>(undefined);

export function ModelsProvider({ models, children }: { models: Models; children: ReactNode }) {
  return <Context value={models}>{children}</Context>;
}

export function useModels(): Models {
  const models = useContext(Context);
  if (!models) throw new Error('ModelsProvider is missing');
  return models;
}
