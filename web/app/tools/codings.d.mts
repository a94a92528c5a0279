export type Coding = 'br' | 'gzip';
export declare const FIRST_LOAD_MAX_BYTES: number;
export declare const ENDINGS: Readonly<Record<Coding, string>>;
export declare function worthy(folder: string): string[];
export declare function compress(folder: string): void;
export declare function bytesSent(folder: string, name: string, coding: Coding): number;
