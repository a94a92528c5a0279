import { useEffect, useRef } from 'react';
import { cx } from '../ui/parts.tsx';
import './pictures.css';

/** A picture; dynamic as it is, it is set on the element. */
export function Film({ stream, mirrored }: { stream: MediaStream; mirrored?: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element || element.srcObject === stream) return;
    element.srcObject = stream;
    // A browser that wants a click first shows the first picture all the same.
    void element.play().catch(() => {});
  }, [stream]);
  return <video ref={video} className={cx('film', mirrored && 'mirrored')} muted autoPlay playsInline aria-hidden="true" tabIndex={-1} />;
}
