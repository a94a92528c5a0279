-- An account without a language follows what its reader's browser and the server's configuration say. Until now every new one had 'en',
-- chosen or not; whoever chose it can do so again.
UPDATE accounts SET language = '' WHERE language = 'en';
