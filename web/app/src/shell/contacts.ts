import { useI18n } from '../i18n/index.tsx';
import type { Convoke } from '../model.ts';
import { problemWords } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { useModels } from './models.tsx';

type Changes = Pick<Convoke['people'], 'addContact' | 'removeContact' | 'setFavourite'>;

/** Changes of my contacts, which stand at once: where the server refuses one it is taken back, and said why. */
export function useContacts(): Changes {
  const { people } = useModels().convoke;
  const { t } = useI18n();
  const told = async (change: Promise<boolean>) => {
    const done = await change;
    const { problem } = people.get();
    if (!done && problem) toast({ text: problemWords(problem, t).what, bad: true });
    return done;
  };
  return {
    addContact: (who) => told(people.addContact(who)),
    removeContact: (person) => told(people.removeContact(person)),
    setFavourite: (person, on) => told(people.setFavourite(person, on)),
  };
}
