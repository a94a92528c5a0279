import { createStore } from '../store.ts';

/** The key `P` puts the cursor into the box that adds people: each change asks for it. */
export const focusAdd = createStore(0);
