; Inno Setup: dist\support-console -> dist\support-console-VERSION-setup.exe
;   iscc /DVersion=0.1.0 installers\windows\support-console.iss

#ifndef Version
  #error Version is missing: iscc /DVersion=X.Y.Z
#endif
#define Folder SourcePath + "..\..\dist"

[Setup]
AppId={{6F0D7C0E-6E0B-4B52-9C0C-2B1E6F5A7D31}
AppName=Support console
AppVersion={#Version}
VersionInfoVersion={#Version}
DefaultDirName={autopf}\Support console
DefaultGroupName=Support console
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
OutputDir={#Folder}
OutputBaseFilename=support-console-{#Version}-setup
UninstallDisplayIcon={app}\support-console-window.exe
Compression=lzma2
SolidCompression=yes
CloseApplications=yes
ChangesAssociations=yes

[Languages]
Name: "ja"; MessagesFile: "compiler:Languages\Japanese.isl"
Name: "en"; MessagesFile: "compiler:Default.isl"

[CustomMessages]
ja.Title=サポートコンソール
en.Title=Support console

; An upgrade leaves no file of the earlier version. What a person has is elsewhere: %LOCALAPPDATA%\support-console.
[InstallDelete]
Type: filesandordirs; Name: "{app}\_internal"
Type: filesandordirs; Name: "{app}\THIRD_PARTY"

[Files]
Source: "{#Folder}\support-console\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{group}\{cm:Title}"; Filename: "{app}\support-console-window.exe"

; Links that begin with support-console:
[Registry]
Root: HKA; Subkey: "Software\Classes\support-console"; ValueType: string; ValueData: "URL:Support console"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\support-console"; ValueType: string; ValueName: "URL Protocol"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\support-console\DefaultIcon"; ValueType: string; ValueData: "{app}\support-console-window.exe,0"
Root: HKA; Subkey: "Software\Classes\support-console\shell\open\command"; ValueType: string; ValueData: """{app}\support-console-window.exe"" open ""%1"""
