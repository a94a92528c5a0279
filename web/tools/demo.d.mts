export interface Demo {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export function startDemo(binary: string, data: string): Promise<Demo>;
