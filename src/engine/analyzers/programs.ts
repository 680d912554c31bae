/*
 * Programs by their role, lower case with their ending. Attackers act through these, so what one of them does is never held against the
 * program itself. Sources: lolbas-project.github.io, attack.mitre.org/techniques/T1059 and T1218, and the vendors' own documentation.
 */

export const SHELLS: ReadonlySet<string> = new Set([
  "cmd.exe",
  "powershell.exe",
  "powershell_ise.exe",
  "pwsh.exe",
  "sh",
  "bash",
  "dash",
  "zsh",
]);
export const SCRIPT_HOSTS: ReadonlySet<string> = new Set([
  "powershell.exe",
  "pwsh.exe",
  "wscript.exe",
  "cscript.exe",
  "mshta.exe",
  "regsvr32.exe",
  "rundll32.exe",
  "certutil.exe",
  "bitsadmin.exe",
  "msbuild.exe",
  "installutil.exe",
  "wmic.exe",
  "forfiles.exe",
  "hh.exe",
]);
export const DOCUMENT_PROGRAMS: ReadonlySet<string> = new Set([
  "winword.exe",
  "excel.exe",
  "powerpnt.exe",
  "onenote.exe",
  "msaccess.exe",
  "mspub.exe",
  "visio.exe",
  "eqnedt32.exe",
  "acrord32.exe",
  "acrobat.exe",
  "foxitpdfreader.exe",
  "soffice.bin",
]);
export const MAIL_PROGRAMS: ReadonlySet<string> = new Set(["outlook.exe", "olk.exe", "thunderbird.exe", "hxoutlook.exe"]);
export const BROWSERS: ReadonlySet<string> = new Set([
  "chrome.exe",
  "msedge.exe",
  "firefox.exe",
  "brave.exe",
  "opera.exe",
  "iexplore.exe",
  "vivaldi.exe",
]);
/** Java is not among them: every developer's build starts shells. It has a rule of its own. */
export const WEB_SERVERS: ReadonlySet<string> = new Set([
  "w3wp.exe",
  "httpd.exe",
  "nginx.exe",
  "php-cgi.exe",
  "httpd",
  "apache2",
  "nginx",
  "php-fpm",
  "lighttpd",
]);
export const DATABASES: ReadonlySet<string> = new Set(["sqlservr.exe", "mysqld.exe", "postgres.exe", "oracle.exe", "mysqld", "postgres"]);
/** They start everything there is, so what lies below one says nothing about it. */
export const LAUNCHERS: ReadonlySet<string> = new Set([
  "explorer.exe",
  "services.exe",
  "svchost.exe",
  "wininit.exe",
  "winlogon.exe",
  "userinit.exe",
  "smss.exe",
  "taskhostw.exe",
  "sihost.exe",
  "runtimebroker.exe",
  "windowsterminal.exe",
  "conhost.exe",
  "system",
  "init",
  "systemd",
  "launchd",
  "sshd",
  "cron",
  "crond",
  "containerd-shim",
  "login",
]);

const COMMON: readonly ReadonlySet<string>[] = [
  SHELLS,
  SCRIPT_HOSTS,
  DOCUMENT_PROGRAMS,
  MAIL_PROGRAMS,
  BROWSERS,
  WEB_SERVERS,
  DATABASES,
  LAUNCHERS,
];
export const isCommonProgram = (name: string): boolean => COMMON.some((programs) => programs.has(name));

/** The last part of a path of either kind, lower case. */
export const baseName = (path: string): string => path.toLowerCase().split(/[\\/]/).at(-1) ?? "";

/** Where Windows and installed products live; nobody but an administrator can write there. */
export function inInstalledFolder(path: string): boolean {
  const lowered = path.toLowerCase().replace(/^\\\\\?\\|^\\\?\?\\/, "");
  const rest = lowered.replace(/^([a-z]:|\\device\\harddiskvolume\d{1,3}|%systemdrive%)/, "");
  if (/^(%systemroot%|%windir%|\\systemroot)\\/.test(rest)) return !rest.includes("\\temp\\");
  if (rest.startsWith("\\windows\\")) return !rest.startsWith("\\windows\\temp\\") && !rest.startsWith("\\windows\\tasks\\");
  return (
    rest.startsWith("\\program files\\") ||
    rest.startsWith("\\program files (x86)\\") ||
    /^(%programfiles%|%programfiles\(x86\)%)\\/.test(rest) ||
    /^\/(usr|bin|sbin|lib|opt|system|applications)\//.test(rest)
  );
}

/** In Windows' own program folders, where its system processes run from. */
export function inSystemFolder(path: string): boolean {
  const lowered = path.toLowerCase().replace(/^\\\\\?\\|^\\\?\?\\/, "");
  const rest = lowered.replace(/^([a-z]:\\windows|\\device\\harddiskvolume\d{1,3}\\windows|%systemroot%|%windir%|\\systemroot)/, "");
  return rest !== lowered && /^\\(system32|syswow64|sysnative|winsxs|servicing|softwaredistribution)\\/.test(rest);
}
