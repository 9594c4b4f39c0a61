export const ENXIO_TEXT = 'no manager is active';

export const LOCAL_COMMANDS = `
Local commands:

ping <mon.id>           Send simple presence/life test to a mon
                        <mon.id> may be 'mon.*' for all mons
daemon {type.id|path} <cmd>
                        Same as --admin-daemon, but auto-find admin socket
`;
