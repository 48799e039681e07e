import { findProgram } from './programs.js';

/** The services, the programs that each consists of, and which of them are here. */
export const SERVICES = {
  rabbitmq: ['rabbitmq-server', 'epmd'],
  consul: ['consul'],
  haproxy: ['haproxy'],
} as const;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

export function missingPrograms(services: readonly ServiceName[]): readonly string[] {
  return services.flatMap((name) => [...SERVICES[name]]).filter((name) => findProgram(name) === undefined);
}
