import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog } from '@base-ui/react/dialog';
import { Menu } from '@base-ui/react/menu';
import { createContext, type ReactElement, type ReactNode, useContext, useEffect } from 'react';
import { Icon, type IconName } from './icon.tsx';
import { cx } from './parts.tsx';

/** Where floating layers are put: the page, or the board's own window. */
export const LayerContext = createContext<HTMLElement | undefined>(undefined);

/**
 * The library puts guards around an open menu: empty, focusable, passing focus on at once, and hidden from assistive technology. Focusable and
 * hidden together is what WCAG's tools rightly refuse (4.1.2), so they are not hidden; being empty, they are read as nothing.
 */
function Guards() {
  const layer = useContext(LayerContext);
  useEffect(() => {
    const page = layer?.ownerDocument ?? document;
    const tidy = () => {
      for (const guard of page.querySelectorAll<HTMLElement>('[data-base-ui-focus-guard][aria-hidden]')) {
        // Within a menu only items may stand: there the guard of a menu in the menu leaves the order of Tab instead.
        if (guard.closest('[role="menu"]')) guard.tabIndex = -1;
        else guard.removeAttribute('aria-hidden');
      }
    };
    tidy();
    const frame = requestAnimationFrame(tidy);
    return () => cancelAnimationFrame(frame);
  }, [layer]);
  return null;
}

interface DropMenuProps {
  /** The button; it gets the state and the keyboard of a menu button. */
  trigger: ReactElement<Record<string, unknown>>;
  label: string;
  children: ReactNode;
  align?: 'start' | 'center' | 'end';
  side?: 'top' | 'bottom';
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
}

/** A menu under a button. It stands at the end of the page, so what holds it is a landmark of its own. */
export function DropMenu({ trigger, label, children, align = 'start', side = 'bottom', open, onOpenChange }: DropMenuProps) {
  const layer = useContext(LayerContext);
  return (
    <Menu.Root
      modal={false}
      {...(open === undefined ? {} : { open })}
      {...(onOpenChange ? { onOpenChange: (next: boolean) => onOpenChange(next) } : {})}
    >
      <Menu.Trigger render={trigger} />
      <Menu.Portal container={layer}>
        <Menu.Positioner className="layer" role="region" aria-label={label} align={align} side={side} sideOffset={4} collisionPadding={8}>
          <Menu.Popup className="pop" aria-label={label}>
            <Guards />
            {children}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

interface ItemProps {
  icon?: IconName;
  children: ReactNode;
  side?: ReactNode;
  bad?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

export function MenuItem({ icon, children, side, bad, disabled, onClick }: ItemProps) {
  return (
    <Menu.Item className={cx('opt', bad && 'bad')} onClick={onClick} {...(disabled ? { disabled } : {})}>
      {icon && <Icon name={icon} />}
      <span className="cut">{children}</span>
      {side !== undefined && <span className="side">{side}</span>}
    </Menu.Item>
  );
}

export function MenuLine() {
  return <Menu.Separator />;
}

interface RadioProps<V extends string> {
  value: V;
  onChange: (value: V) => void;
  children: ReactNode;
}

export function MenuRadios<V extends string>({ value, onChange, children }: RadioProps<V>) {
  return (
    <Menu.RadioGroup value={value} onValueChange={(next) => onChange(next as V)}>
      {children}
    </Menu.RadioGroup>
  );
}

export function MenuRadio({
  value,
  icon,
  before,
  children,
  side,
}: {
  value: string;
  icon?: IconName;
  before?: ReactNode;
  children: ReactNode;
  side?: ReactNode;
}) {
  return (
    <Menu.RadioItem className="opt" value={value} closeOnClick>
      {icon && <Icon name={icon} />}
      {before}
      <span className="cut">{children}</span>
      {side !== undefined && <span className="side">{side}</span>}
      <span className="tick">
        <Menu.RadioItemIndicator>
          <Icon name="ok" />
        </Menu.RadioItemIndicator>
      </span>
    </Menu.RadioItem>
  );
}

/** A menu within a menu. */
export function SubMenu({ icon, label, children }: { icon?: IconName; label: string; children: ReactNode }) {
  const layer = useContext(LayerContext);
  return (
    <Menu.SubmenuRoot>
      <Menu.SubmenuTrigger className="opt">
        {icon && <Icon name={icon} />}
        <span className="cut">{label}</span>
        <span className="side">
          <Icon name="right" size="s" />
        </span>
      </Menu.SubmenuTrigger>
      <Menu.Portal container={layer}>
        <Menu.Positioner className="layer" role="region" aria-label={label} sideOffset={4} alignOffset={-4} collisionPadding={8}>
          <Menu.Popup className="pop" aria-label={label}>
            <Guards />
            {children}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.SubmenuRoot>
  );
}

interface ModalProps {
  title: string;
  say?: ReactNode;
  onClose: () => void;
  className?: string;
  children?: ReactNode;
  hideTitle?: boolean;
  /** Asked when it closes: whether what had the focus before has it again. */
  givesBack?: () => boolean;
}

/** A dialog in the middle; the rest waits. */
export function Modal({ title, say, onClose, className, children, hideTitle, givesBack }: ModalProps) {
  const layer = useContext(LayerContext);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal container={layer}>
        <Dialog.Backdrop className="scrim" />
        <Dialog.Popup className={cx('dialog', className)} {...(givesBack ? { finalFocus: givesBack } : {})}>
          <Dialog.Title className={hideTitle ? 'sr' : undefined}>{title}</Dialog.Title>
          {say !== undefined && <Dialog.Description className="say">{say}</Dialog.Description>}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface AskProps {
  title: string;
  say: string;
  no: string;
  yes: string;
  onNo: () => void;
  onYes: () => void;
  /** What is chosen before one of the answers. */
  children?: ReactNode;
  /** An answer between the two. */
  other?: ReactNode;
}

/** Asks before what cannot be taken back. */
export function Ask({ title, say, no, yes, onNo, onYes, children, other }: AskProps) {
  const layer = useContext(LayerContext);
  return (
    <AlertDialog.Root open onOpenChange={(open) => !open && onNo()}>
      <AlertDialog.Portal container={layer}>
        <AlertDialog.Backdrop className="scrim" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description className="say">{say}</AlertDialog.Description>
          {children}
          <div className="acts">
            <AlertDialog.Close className="btn">{no}</AlertDialog.Close>
            {other}
            <button type="button" className="btn danger" onClick={onYes}>
              {yes}
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
