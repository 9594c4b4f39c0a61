import { registerHello } from './hello.ts';
import { registerLock } from './lock.ts';
import { registerNumops } from './numops.ts';
import { registerRbd } from './rbd.ts';
import { registerRefcount } from './refcount.ts';
import { ClassRegistry } from './registry.ts';
import { registerVersion } from './version.ts';

/** The classes that every OSD has. */
export function standardClasses(): ClassRegistry {
  const classes = new ClassRegistry();
  for (const register of [
    registerLock,
    registerRefcount,
    registerVersion,
    registerHello,
    registerNumops,
    registerRbd,
  ])
    register(classes);
  return classes;
}
