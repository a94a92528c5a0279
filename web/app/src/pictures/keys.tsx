import { useI18n } from '../i18n/index.tsx';
import type { Pictures, PicturesState } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { IconButton, ProblemNotice } from '../ui/parts.tsx';

interface KeysProps {
  pictures: Pictures;
  shown: PicturesState;
}

/** Camera and screen: real toggles with their state. */
export function PictureKeys({ pictures, shown }: KeysProps) {
  const { camera } = useModels();
  const { t } = useI18n();
  const screens = usePick(camera, (state) => state.screens);
  const filming = shown.camera.status !== 'off';
  const sharing = shown.screen.status !== 'off';
  return (
    <>
      <button
        type="button"
        className="key"
        aria-pressed={filming}
        data-filming={shown.camera.status}
        data-tip={filming ? t.stage.cameraOff : t.stage.cameraOn}
        data-tip-keys="V"
        onClick={() => void pictures.showCamera(!filming)}
      >
        <span className="pair">
          <Icon name={filming ? 'cam' : 'camoff'} size="l" />
        </span>
        {t.stage.camera}
      </button>
      {screens && (
        <button
          type="button"
          className="key"
          aria-pressed={sharing}
          data-sharing={shown.screen.status}
          data-tip={sharing ? t.stage.stopSharing : t.stage.shareOn}
          onClick={() => void pictures.shareScreen(!sharing)}
        >
          <span className="pair">
            <Icon name="screen" size="l" />
          </span>
          {t.stage.share}
        </button>
      )}
    </>
  );
}

/** Why my camera or screen is not shown; the call goes on. */
export function PictureProblem({ pictures, shown }: KeysProps) {
  const { t } = useI18n();
  const problem = shown.camera.problem ?? shown.screen.problem;
  if (!problem) return null;
  return (
    <ProblemNotice
      className="above"
      problem={problem}
      {...(problem.detail ? { todo: t.serverSays(problem.detail) } : {})}
      action={<IconButton icon="x" label={t.common.dismiss} onClick={() => pictures.dismiss()} />}
    />
  );
}
